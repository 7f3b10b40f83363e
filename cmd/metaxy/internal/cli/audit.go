package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// trail says which audit trail the verbs of audit are about: the store's, or a
// folder that a flag names.
type trail struct{ dir, publicKey string }

func (a *app) auditCommand() *cobra.Command {
	t := &trail{}
	cmd := group(
		&cobra.Command{
			Use:   "audit",
			Short: "The audit trail: verify it, follow it, search it",
			Long: `Look at the audit trail of a store whose configuration has an rbac.audit table, or
at the one in the folder that --dir names. Nothing is written; a trail that is
being written can be read at the same time.`,
			Example: `  metaxy audit verify
  metaxy audit tail -f
  metaxy audit search --identity user:bob --decision deny --since 7d
  metaxy audit keygen audit.pem`,
		},
		a.auditVerifyCommand(t), a.auditTailCommand(t), a.auditSearchCommand(t), a.auditKeygenCommand(),
	)
	cmd.PersistentFlags().StringVar(&t.dir, "dir", "", "folder of the trail (default: that of the store's rbac.audit table)")
	return cmd
}

// find says where the trail is.
func (t *trail) find(a *app) (config.Trail, error) {
	if t.dir != "" {
		if _, err := os.Stat(t.dir); err != nil {
			return config.Trail{}, err
		}
		return config.Trail{Dir: t.dir}, nil
	}
	cfg, err := a.config()
	if err != nil {
		return config.Trail{}, err
	}
	at, err := cfg.Audit(a.storeName)
	return at, orFlag(err, "--dir FOLDER")
}

// folder is find for what only a folder has.
func (t *trail) folder(a *app) (string, error) {
	at, err := t.find(a)
	if err == nil && at.Dir == "" {
		err = fmt.Errorf("%w: the trail of store %s is feature %s: metaxy read %s shows it", core.ErrUnsupported, at.Store, at.Feature, at.Feature)
	}
	return at.Dir, err
}

// verifier is what signatures are checked with.
func (t *trail) verifier(at config.Trail) (audit.Verifier, error) {
	if t.publicKey == "" {
		if at.Store == "" {
			return nil, usagef("--dir goes with --public-key, the file that metaxy audit keygen made beside the private key")
		}
		return at.Verifier()
	}
	text, err := os.ReadFile(t.publicKey)
	if err != nil {
		return nil, err
	}
	v, err := audit.ParseVerifier(text)
	return v, atFile(t.publicKey, err)
}

func (a *app) auditKeygenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make a key pair for signing checkpoints",
		Long: `Make a key pair for signing checkpoints: FILE is the private key, which its owner
alone can read and which only the process that writes the trail needs, FILE.pub
the public one, for whoever verifies. Files that are there already stay.

Whoever has the private key can write any trail.`,
		Example: `  metaxy audit keygen audit.pem`,
		Args:    exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := args[0]
			public := path + ".pub"
			if _, err := os.Lstat(public); err == nil {
				return fmt.Errorf("%w: %s is there already and stays as it is", core.ErrConflict, public)
			}
			private, text, err := audit.GenerateKey()
			if err != nil {
				return err
			}
			if err := writeNew(path, private, 0o600); err != nil {
				return err
			}
			if err := writeNew(public, text, 0o644); err != nil {
				return errors.Join(err, os.Remove(path))
			}
			a.say("%s is the private key, %s the public one", filepath.Clean(path), filepath.Clean(public))
			return nil
		},
	}
}
