// Package identitytest has an authenticator for tests, kept apart so that no
// program has it by accident.
package identitytest

import (
	"context"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Fake is an authenticator that believes what it is told.
type Fake map[string]identity.Identity

// New makes an authenticator of tokens that need no secret. It takes a
// testing.TB so that nothing but a test can make one.
func New(t testing.TB, byToken map[string]identity.Identity) Fake {
	t.Helper()
	return Fake(byToken)
}

// Authenticate is Authenticator's.
func (f Fake) Authenticate(_ context.Context, c identity.Credentials) (identity.Identity, error) {
	id, ok := f[c.Bearer]
	if !ok {
		return identity.Identity{}, core.ErrUnauthenticated
	}
	return id, nil
}

// As is a context of the test with the identity of a user.
func As(t testing.TB, user string, groups ...string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Identity{Name: identity.User + ":" + user, Groups: groups, Method: "test"})
}
