package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// Credentials are what a caller shows. They print without their secret.
type Credentials struct {
	Bearer string               // a token, without "Bearer "
	TLS    *tls.ConnectionState // of the caller's connection
}

// Format prints no part of a secret under any verb.
func (c Credentials) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "credentials (token: %t, tls: %t)", c.Bearer != "", c.TLS != nil)
}

// Authenticator establishes an identity. Credentials that are not of its kind
// are ErrOtherKind; those that are, and are wrong, core.ErrUnauthenticated; a
// service that does not answer is core.ErrUnavailable. Errors never hold a
// credential.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials) (Identity, error)
}

// ErrOtherKind says that credentials are of a kind that another authenticator
// may know. It matches core.ErrUnauthenticated.
var ErrOtherKind = fmt.Errorf("%w: no credentials of this kind", core.ErrUnauthenticated)

// Chain asks each authenticator in turn until one knows the kind of the
// credentials; its answer is final, so that a wrong token is never tried as
// something else.
func Chain(authenticators ...Authenticator) Authenticator {
	return chain(append([]Authenticator{}, authenticators...))
}

type chain []Authenticator

func (ch chain) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	for _, a := range ch {
		id, err := a.Authenticate(ctx, c)
		if errors.Is(err, ErrOtherKind) {
			continue
		}
		if err == nil {
			err = id.Check()
		}
		if err != nil {
			return Identity{}, err
		}
		return id, nil
	}
	return Identity{}, ErrOtherKind
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{core.ErrUnauthenticated}, args...)...)
}
