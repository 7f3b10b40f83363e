// Package identity says who calls: what it is, how it travels in a context, and
// the authenticators that establish it.
//
// An identity enters a context by [With] alone, under a key that nobody else
// has. There is no system identity that is always there: what runs without one
// is refused.
package identity

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/core"
)

// The kinds of names. A name is a kind, ":" and what the kind calls it, so that
// a user called "admin" is never taken for a role of that name.
const (
	User    = "user"
	Service = "service"
	Group   = "group"
	Role    = "role"
)

// Identity is who calls.
type Identity struct {
	Name    string    // such as "user:ann" or "service:nightly"
	Groups  []string  // such as "group:research", as the authenticator vouches for them
	Method  string    // how it was established: "token", "jwt", "mtls"
	TokenID string    // which credential, without what makes it secret
	Expires time.Time // when it ends; zero: not by itself
}

// Check reports a name or group that cannot be one; it matches core.ErrInvalid.
func (i Identity) Check() error {
	if k := Kind(i.Name); k != User && k != Service || !ValidName(i.Name) {
		return fmt.Errorf("%w: an identity is user: or service: and a name", core.ErrInvalid)
	}
	for _, g := range i.Groups {
		if Kind(g) != Group || !ValidName(g) {
			return fmt.Errorf("%w: a group of an identity is group: and a name", core.ErrInvalid)
		}
	}
	return nil
}

// key is the context's: unexported, so that only With sets it.
type key struct{}

// With puts an identity into a context, or takes it away when it is not one.
func With(ctx context.Context, id Identity) context.Context {
	if id.Check() != nil {
		return context.WithValue(ctx, key{}, (*Identity)(nil))
	}
	id.Groups = append([]string(nil), id.Groups...)
	return context.WithValue(ctx, key{}, &id)
}

// From gives the identity of a context, if it has one. Its Groups are shared
// and must not be changed.
func From(ctx context.Context) (Identity, bool) {
	id, _ := ctx.Value(key{}).(*Identity)
	if id == nil {
		return Identity{}, false
	}
	return *id, true
}

// Kind is what stands before the first ":" of a name, "" if it is no kind.
func Kind(name string) string {
	k, _, _ := strings.Cut(name, ":")
	switch k {
	case User, Service, Group, Role:
		return k
	}
	return ""
}

const maxName = 256

// ValidName reports whether a name has a kind and then printable text without
// white space, commas, quotes and "*".
func ValidName(name string) bool {
	_, rest, ok := strings.Cut(name, ":")
	if !ok || Kind(name) == "" || rest == "" || len(name) > maxName || !utf8.ValidString(rest) {
		return false
	}
	return !strings.ContainsFunc(rest, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune("*,\"'", r)
	})
}
