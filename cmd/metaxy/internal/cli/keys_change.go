package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func (a *app) keysCreateCommand(k *keyring) *cobra.Command {
	return &cobra.Command{
		Use:   "create",
		Short: "Make the keyset file, with one fresh key",
		Long: `Make the keyset file, with one fresh key, readable by its owner alone. A file that
is there already stays as it is.

Whoever loses the file or its passphrase loses every encrypted value: keep a
copy of each, apart from one another and from the data.`,
		Example: `  metaxy keys create --store prod
  metaxy keys create --keyset ring.keys --passphrase file:ring.pass`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := k.find(cmd.Context(), a, true)
			if err != nil {
				return err
			}
			defer func() { _ = at.Close() }()
			f, err := at.Create(cmd.Context())
			if err != nil {
				return atFile(at.Path, err)
			}
			ring, err := f.Ring(cmd.Context())
			if err != nil {
				return atFile(at.Path, err)
			}
			a.say("%s: key %d writes", shorter(at.Path), ring.Primary())
			return nil
		},
	}
}

func (a *app) keysRotateCommand(k *keyring) *cobra.Command {
	var staged bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Write with a new key from now on; old keys go on reading",
		Long: `Add a key and write with it from now on. What older keys wrote is read as before,
and nothing becomes stale. A store with access control wants admin on "**", and
records it, as it does for promote, enable and disable.

Processes on this machine see the change at their next operation. Where copies of
the file are on several machines, --staged adds the key without writing with it:
distribute the file, then metaxy keys promote ID.`,
		Example: `  metaxy keys rotate
  metaxy keys rotate --staged`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			what := "rotate"
			if staged {
				what = "rotate --staged"
			}
			return k.with(cmd.Context(), a, func(at config.Keys, f *keys.File) error {
				var id uint32
				err := k.change(cmd, a, f, what, func(r *keys.Ring) (ring *keys.Ring, err error) {
					if staged {
						ring, id, err = r.Add()
					} else {
						ring, id, err = r.Rotate()
					}
					return ring, err
				})
				switch {
				case err != nil:
					return atFile(at.Path, err)
				case staged:
					a.say("%s: key %d reads; metaxy keys promote %d makes it write", shorter(at.Path), id, id)
				default:
					a.say("%s: key %d writes now; metaxy keys reencrypt brings the latest rows under it", shorter(at.Path), id)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&staged, "staged", false, "add a key that reads only, to be promoted later")
	return cmd
}

func (a *app) keysPromoteCommand(k *keyring) *cobra.Command {
	return &cobra.Command{
		Use:     "promote ID",
		Short:   "Write with another key of the keyset",
		Example: `  metaxy keys promote 2763214031`,
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeKey(cmd, k, args[0], "writes now", (*keys.Ring).Promote)
		},
	}
}

func (a *app) keysEnableCommand(k *keyring) *cobra.Command {
	return &cobra.Command{
		Use:     "enable ID",
		Short:   "Read again what a disabled key wrote",
		Example: `  metaxy keys enable 2763214031`,
		Args:    exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeKey(cmd, k, args[0], "reads again", (*keys.Ring).Enable)
		},
	}
}

// changeKey does one thing to one key.
func (a *app) changeKey(cmd *cobra.Command, k *keyring, text, done string, change func(*keys.Ring, uint32) (*keys.Ring, error)) error {
	id, err := keyID(text)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	return k.with(ctx, a, func(at config.Keys, f *keys.File) error {
		ring, err := f.Ring(ctx)
		if err != nil {
			return atFile(at.Path, err)
		}
		if err := holdsKey(ring, id); err != nil {
			return atFile(at.Path, err)
		}
		err = k.change(cmd, a, f, cmd.Name()+" "+idText(id), func(r *keys.Ring) (*keys.Ring, error) { return change(r, id) })
		if err != nil {
			return atFile(at.Path, err)
		}
		a.say("%s: key %d %s", shorter(at.Path), id, done)
		return nil
	})
}

// change changes the keyset. Where it is that of a store with access control,
// whoever calls must administer all of the store, and it is recorded. Of a file
// that the flag names, whoever may write it may change it.
func (k *keyring) change(cmd *cobra.Command, a *app, f *keys.File, what string, change func(*keys.Ring) (*keys.Ring, error)) error {
	update := func() error { return f.Update(cmd.Context(), change) }
	if k.file != "" {
		return update()
	}
	return a.asAdministrator(cmd, update, func(access *config.Access) error { return access.ChangeKeys(cmd.Context(), what, update) })
}

// holdsKey refuses an id that the keyset does not have.
func holdsKey(ring *keys.Ring, id uint32) error {
	var ids []uint32
	for _, k := range ring.Keys() {
		ids = append(ids, k.ID)
	}
	if slices.Contains(ids, id) {
		return nil
	}
	return usagef("there is no key %d in the keyset; there are %v", id, ids)
}
