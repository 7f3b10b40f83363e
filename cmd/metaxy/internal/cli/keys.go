package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// keyring says which keyset the verbs of keys are about: the store's, or a file
// that the flags name.
type keyring struct {
	file, subjects string
	passphrase     secretFlag
}

func (a *app) keysCommand() *cobra.Command {
	k := &keyring{passphrase: secretFlag{flag: "passphrase"}}
	cmd := group(
		&cobra.Command{
			Use:   "keys",
			Short: "Keys of encrypted columns: create, rotate, re-encrypt, shred",
			Long: `Work with the keyset of a store whose configuration has a crypto table, or with
the file that --keyset names.

The usual order of a rotation:

  metaxy keys rotate              a new key writes, the old ones go on reading
  metaxy keys reencrypt           the latest rows under the new key, until none is left
  metaxy keys disable ID          what the old key wrote is refused

A passphrase is never the value of a flag: --passphrase env:NAME or file:PATH
says where it is. Without the flag it is asked for on the terminal.`,
			Example: `  metaxy keys list --count
  metaxy keys rotate --store prod
  metaxy keys create --keyset ring.keys --passphrase env:RING_PASSPHRASE`,
		},
		a.keysCreateCommand(k), a.keysRotateCommand(k), a.keysListCommand(k), a.keysPromoteCommand(k), a.keysDisableCommand(k),
		a.keysEnableCommand(k), a.keysReencryptCommand(k), a.keysShredCommand(k),
	)
	cmd.PersistentFlags().StringVar(&k.file, "keyset", "", "keyset file (default: that of the store's crypto table)")
	cmd.PersistentFlags().StringVar(&k.passphrase.ref, "passphrase", "", "where the passphrase of --keyset is: env:NAME or file:PATH")
	return cmd
}

// find says where the keys are, and what unlocks them.
func (k *keyring) find(ctx context.Context, a *app, fresh bool) (config.Keys, error) {
	if k.file == "" {
		if k.passphrase.ref != "" {
			return config.Keys{}, usagef("--passphrase is for --keyset: the store's crypto table says where its own is")
		}
		cfg, err := a.config()
		if err != nil {
			return config.Keys{}, err
		}
		at, err := cfg.Keys(ctx, registry(), a.storeName)
		return at, orFlag(err, "--keyset FILE")
	}
	path, err := filepath.Abs(k.file)
	if err != nil {
		return config.Keys{}, err
	}
	var text []byte
	if k.passphrase.ref != "" {
		var revealed string
		revealed, err = k.passphrase.reveal()
		text = []byte(revealed)
	} else {
		text, err = a.askSecret("Passphrase of "+k.file, fresh)
		if errors.Is(err, errNoTerminal) {
			err = usagef("where is the passphrase of %s? Say --passphrase env:NAME or file:PATH", k.file)
		}
	}
	subjects := k.subjects
	if subjects != "" && err == nil {
		subjects, err = filepath.Abs(subjects)
	}
	return config.Keys{Path: path, Subjects: subjects, Lock: keys.Passphrase(text)}, err
}

// open opens the keyset; the caller closes what comes with it.
func (k *keyring) open(ctx context.Context, a *app) (config.Keys, *keys.File, error) {
	at, err := k.find(ctx, a, false)
	if err != nil {
		return at, nil, err
	}
	f, err := at.Open(ctx)
	if err != nil {
		return at, nil, and(atFile(at.Path, err), at.Close())
	}
	return at, f, nil
}

// with runs f with the keyset open.
func (k *keyring) with(ctx context.Context, a *app, do func(config.Keys, *keys.File) error) error {
	at, f, err := k.open(ctx, a)
	if err != nil {
		return err
	}
	return and(do(at, f), at.Close())
}

// atFile adds the file to an error that does not name it.
func atFile(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", shorter(path), err)
}

// keyID reads the id of a key as keys list prints it.
func keyID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, usagef("a key's id is a number; metaxy keys list shows them")
	}
	return uint32(n), nil
}
