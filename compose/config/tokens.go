package config

import (
	"context"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// tokenFile authenticates by a file of tokens that may change: a token that was
// revoked in it is refused from then on. A file that became unreadable leaves
// the tokens before in force and is logged, once for each change.
type tokenFile struct {
	path     string
	remember time.Duration
	log      *zap.Logger

	mu   sync.Mutex
	seen os.FileInfo
	now  *identity.Tokens
}

func newTokenFile(path string, remember time.Duration, log *zap.Logger) (*tokenFile, error) {
	t := &tokenFile{path: path, remember: remember, log: log}
	t.seen, _ = os.Stat(path)
	var err error
	t.now, err = t.open()
	return t, err
}

func (t *tokenFile) open() (*identity.Tokens, error) {
	return identity.OpenTokens(t.path, identity.Remember(t.remember))
}

// Authenticate is identity.Authenticator's.
func (t *tokenFile) Authenticate(ctx context.Context, c identity.Credentials) (identity.Identity, error) {
	return t.current().Authenticate(ctx, c)
}

// current reads the file again if it is another one than before.
func (t *tokenFile) current() *identity.Tokens {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err == nil && same(t.seen, info) || err != nil && t.seen == nil {
		return t.now
	}
	t.seen = info
	if err == nil {
		var now *identity.Tokens
		if now, err = t.open(); err == nil {
			t.now = now
			return now
		}
	}
	t.log.Warn("the changed file of tokens is not used, the tokens before stay valid", zap.Error(err))
	return t.now
}

func same(a, b os.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
