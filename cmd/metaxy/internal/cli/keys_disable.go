package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func idText(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func (a *app) keysDisableCommand(k *keyring) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "disable ID",
		Short: "Refuse what a key wrote",
		Long: `Refuse from now on what a key wrote, here and in backups of the store that are read
with this keyset. The key that writes cannot be disabled; metaxy keys enable takes
it back.

Where values still need the key it says how many, and asks (or wants --yes). A
store with access control wants admin on "**", and records it.
Without a store, which --keyset does not name, that cannot be known.`,
		Example: `  metaxy keys disable 2763214031
  metaxy keys disable 2763214031 --keyset ring.keys --passphrase env:RING_PASSPHRASE --yes`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.disableKey(cmd, k, args[0], yes) },
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) disableKey(cmd *cobra.Command, k *keyring, text string, yes bool) error {
	id, err := keyID(text)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	return k.with(ctx, a, func(at config.Keys, f *keys.File) error {
		disable := func() error { return f.Disable(ctx, id) }
		ring, err := f.Ring(ctx)
		if err == nil {
			err = holdsKey(ring, id)
		}
		if err == nil && ring.Primary() == id {
			err = usagef("key %d writes: metaxy keys rotate first", id)
		}
		if err != nil {
			return atFile(at.Path, err)
		}
		needs := "Whether values still need the key is not known without a store."
		if k.file == "" {
			use, err := a.keyUse(cmd, k)
			if err != nil {
				return err
			}
			needs = use.needs(id)
			file := disable
			disable = func() error { return a.opened.ChangeKeys(cmd.Context(), "disable "+idText(id), file) }
		}
		if needs != "" {
			fmt.Fprintln(a.err, a.mark(yellow, "warning: "+needs))
			if err := a.confirm(yes, fmt.Sprintf("Disable key %d?", id)); err != nil {
				return err
			}
		}
		if err := disable(); err != nil {
			return atFile(at.Path, err)
		}
		a.say("%s: key %d is disabled", shorter(at.Path), id)
		return nil
	})
}

// needs says what is lost with a key, "" for nothing.
func (u keyUse) needs(id uint32) string {
	var out []string
	if n := u.latest[id]; n > 0 {
		out = append(out, fmt.Sprintf("Key %d is needed by %s of the latest rows of %s: metaxy keys reencrypt first.", id, howMany(n, "value"), listedKeys(u.features[id])))
	}
	if n := u.every[id] - u.latest[id]; n > 0 {
		out = append(out, fmt.Sprintf("Key %d is needed by %s of superseded rows: reading the past (--as-of, --history) will fail.", id, howMany(n, "value")))
	}
	if n := u.subjects[id]; n > 0 {
		out = append(out, fmt.Sprintf("Key %d is needed by %s of subjects, and so by all that is encrypted under these: metaxy keys reencrypt first.", id, howMany(n, "secret")))
	}
	return strings.Join(out, " ")
}

// listedKeys names a few of many.
func listedKeys[K ~string](all []K) string {
	const few = 3
	var names []string
	for i, k := range all {
		if i == few {
			names = append(names, fmt.Sprintf("and %d more", len(all)-few))
			break
		}
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
