package cli

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// keyAlgorithm is what a key of a keyset is: the ciphers of columns are derived
// from it.
const keyAlgorithm = "hkdf-sha256"

func (a *app) keysListCommand(k *keyring) *cobra.Command {
	o := output{}
	var json, count bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys, without their secrets",
		Long: `List the keys of the keyset, oldest first. The key that is primary writes, those
that are enabled read.

--count reads the whole store and counts the values that each key wrote: in the
latest rows, in all rows ever written, and the secrets of subjects that it
protects. A store with access control counts for who may administer all of it
(admin on "**"): a part is not the whole.`,
		Example: `  metaxy keys list
  metaxy keys list --count
  metaxy keys list --keyset ring.keys --passphrase env:RING_PASSPHRASE --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if json {
				o.format = "json"
			}
			return a.listKeys(cmd, k, o, count)
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&json, "json", false, "the same as -o json")
	cmd.Flags().BoolVar(&count, "count", false, "count the values of the store that each key wrote")
	return cmd
}

func (a *app) listKeys(cmd *cobra.Command, k *keyring, o output, count bool) error {
	var use keyUse
	if count {
		var err error
		if use, err = a.keyUse(cmd, k); err != nil {
			return err
		}
	}
	return k.with(cmd.Context(), a, func(at config.Keys, f *keys.File) error {
		ring, err := f.Ring(cmd.Context())
		if err != nil {
			return atFile(at.Path, err)
		}
		created, err := f.Created(cmd.Context())
		if err != nil {
			return atFile(at.Path, err)
		}
		columns := []arrow.Field{textColumn("id"), textColumn("algorithm"), textColumn("status"), textColumn("primary"), textColumn("created")}
		if count {
			columns = append(columns, numberColumn("latest"), numberColumn("ever"), numberColumn("subjects"))
		}
		l := newListing(columns...)
		for _, k := range ring.Keys() {
			status, primary, since := "disabled", "", ""
			if t, known := created[k.ID]; known {
				since = t.UTC().Format(time.RFC3339)
			}
			if k.Enabled {
				status = "enabled"
			}
			if k.Primary {
				primary = "yes"
			}
			line := []any{idText(k.ID), keyAlgorithm, status, primary, since}
			if count {
				line = append(line, use.latest[k.ID], use.every[k.ID], use.subjects[k.ID])
			}
			l.add(line...)
		}
		return a.print(o, l.rows())
	})
}

// keyUse counts what each key of a store wrote.
type keyUse struct {
	latest, every, subjects map[uint32]int64
	features                map[uint32][]core.FeatureKey // whose latest rows need the key
}

// keyUse reads the whole store.
func (a *app) keyUse(cmd *cobra.Command, k *keyring) (keyUse, error) {
	use := keyUse{map[uint32]int64{}, map[uint32]int64{}, map[uint32]int64{}, map[uint32][]core.FeatureKey{}}
	o, err := a.governed(cmd, k)
	if err != nil {
		return use, err
	}
	held, err := o.Held(cmd.Context())
	if err != nil {
		return use, err
	}
	bar := a.progress("counting", int64(len(held)))
	defer bar.done()
	for _, key := range held {
		bar.describe("counting " + string(key))
		one, err := o.KeyUse(cmd.Context(), key)
		if err != nil {
			return use, err
		}
		for id, n := range one.Latest {
			use.latest[id] += n
			use.features[id] = append(use.features[id], key)
		}
		for id, n := range one.Every {
			use.every[id] += n
		}
		bar.add(1)
	}
	if o.Subjects != nil {
		for id, n := range o.Subjects.Under() {
			use.subjects[id] = int64(n)
		}
	}
	return use, nil
}

// governed opens the store with its handles, for what only its keys can do.
func (a *app) governed(cmd *cobra.Command, k *keyring) (*config.Opened, error) {
	if k.file != "" {
		return nil, usagef("rows are a store's: leave --keyset out, the store's crypto table names it")
	}
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	has, err := cfg.Security(a.storeName)
	if err != nil {
		return nil, err
	}
	if !has.Crypto {
		return nil, usagef("store %s encrypts nothing: it has no crypto table", has.Store)
	}
	if _, err := a.open(cmd); err != nil {
		return nil, err
	}
	return a.opened, nil
}
