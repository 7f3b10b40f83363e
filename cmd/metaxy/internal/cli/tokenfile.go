package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// tokenFile is the file that keeps the hashes of tokens.
type tokenFile struct{ path string }

// find asks the configuration where the file is, if no flag says so.
func (f *tokenFile) find(a *app) error {
	if f.path != "" {
		return nil
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	if f.path, err = cfg.TokenFile(a.storeName); err != nil {
		return err
	}
	if f.path == "" {
		return usagef("the store keeps no tokens: its rbac table has no tokens; --tokens FILE names a file")
	}
	return nil
}

// read reads the tokens; a file that is not there has none.
func (f *tokenFile) read() ([]identity.Token, error) {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	tokens, err := identity.ReadTokens(file)
	return tokens, atFile(f.path, err)
}

// change replaces the file in one step, one process at a time.
func (f *tokenFile) change(do func([]identity.Token) ([]identity.Token, error)) error {
	lock := f.path + ".lock"
	held, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: somebody else changes %s, or left %s behind", core.ErrConflict, shorter(f.path), filepath.Base(lock))
	}
	if err != nil {
		return err
	}
	defer func() { _ = held.Close(); _ = os.Remove(lock) }()
	tokens, err := f.read()
	if err != nil {
		return err
	}
	if tokens, err = do(tokens); err != nil {
		return err
	}
	if _, err := identity.NewTokens(tokens); err != nil {
		return atFile(f.path, err)
	}
	text, err := json.MarshalIndent(tokens, "", "  ")
	if err != nil {
		return err
	}
	return f.replace(append(text, '\n'))
}

func (f *tokenFile) replace(text []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(f.path), ".tokens-*") // its owner alone can read it
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	if info, known := os.Stat(f.path); known == nil { // a service may have to read it
		err = tmp.Chmod(info.Mode().Perm())
	}
	_, werr := tmp.Write(text)
	if err = errors.Join(err, werr, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), f.path)
}
