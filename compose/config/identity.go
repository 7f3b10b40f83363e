package config

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

func tokenKeys() []Key {
	return []Key{
		{Name: "file", Kind: File, Required: true, Doc: "file of the tokens' argon2id hashes; a change is seen with the next call; `metaxy access token` writes it"},
		{Name: "remember", Kind: Duration, Default: "1m0s", Doc: "how long a token that was verified is not hashed again (`0s`: not at all)"},
	}
}

func oidcKeys() []Key {
	return []Key{
		{Name: "issuer", Kind: URL, Required: true, Doc: "the issuer's URL, https; it is asked for its keys when a token needs them"},
		{Name: "audience", Required: true, Doc: "whom tokens must be for"},
		{Name: "subject_claim", Default: "sub", Doc: "claim that names the caller"},
		{Name: "groups_claim", Default: "groups", Doc: "claim that lists the caller's groups"},
		{Name: "services", Kind: Flag, Doc: "callers are services, not users"},
		{Name: "methods", Kind: TextList, Doc: "signature methods that are accepted (default: RS256, ES256, EdDSA)"},
		{Name: "leeway", Kind: Duration, Default: "30s", Doc: "by how much clocks may differ"},
	}
}

// checkIdentities looks at what can be known without asking anybody. The file
// of the tokens is read where mistakes in files are looked for.
func checkIdentities(v Values, env Env) error {
	var errs []error
	for _, o := range v.Tables("oidc") {
		_, err := newIssuer(o)
		errs = append(errs, err)
	}
	if t, ok := v.Table("tokens"); ok && (!env.Drawing || env.own.reads && isFile(t.Text("file"))) {
		_, err := identity.OpenTokens(t.Text("file"))
		errs = append(errs, t.failed("file", err))
	}
	return errors.Join(errs...)
}

// authenticatorOf chains the sources of a table: nil when there are none.
func authenticatorOf(v Values, env Env) (identity.Authenticator, error) {
	var chain []identity.Authenticator
	var errs []error
	if t, ok := v.Table("tokens"); ok {
		a, err := newTokenFile(t.Text("file"), t.Duration("remember"), env.logger())
		errs = append(errs, t.failed("file", err))
		chain = append(chain, a)
	}
	for _, o := range v.Tables("oidc") {
		a, err := newIssuer(o)
		errs = append(errs, err)
		chain = append(chain, a)
	}
	if v.Flag("mtls") {
		chain = append(chain, identity.NewMTLS())
	}
	if err := errors.Join(errs...); err != nil || len(chain) == 0 {
		return nil, err
	}
	return identity.Chain(chain...), nil
}

// issuer is an OpenID Connect issuer that is asked when a token of its needs
// it: programs start while it is down, and other sources work without it.
type issuer struct {
	url, audience string
	opts          []identity.JWTOption

	busy chan struct{} // one caller asks, the others wait as long as they like
	open atomic.Pointer[identity.JWT]
}

func newIssuer(v Values) (*issuer, error) {
	i := &issuer{url: v.Text("issuer"), audience: v.Text("audience"), busy: make(chan struct{}, 1), opts: []identity.JWTOption{
		identity.SubjectClaim(v.Text("subject_claim")), identity.GroupsClaim(v.Text("groups_claim")), identity.Leeway(v.Duration("leeway")),
	}}
	if v.Flag("services") {
		i.opts = append(i.opts, identity.ForServices())
	}
	if m := v.TextList("methods"); len(m) > 0 {
		i.opts = append(i.opts, identity.Methods(m...))
	}
	if !safeIssuer(i.url) {
		return nil, v.Errorf("issuer", "issuer: want https, so that nobody on the way can put keys of their own in")
	}
	if _, err := identity.NewJWT(i.url, i.audience, noKeySet{}, i.opts...); err != nil {
		return nil, v.Errorf("", "oidc: %w", err)
	}
	return i, nil
}

// safeIssuer: https, or this machine.
func safeIssuer(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// Authenticate is identity.Authenticator's. A token of another issuer is of
// another kind.
func (i *issuer) Authenticate(ctx context.Context, c identity.Credentials) (identity.Identity, error) {
	if err := ctx.Err(); err != nil {
		return identity.Identity{}, err
	}
	if claimedIssuer(c.Bearer) != i.url {
		return identity.Identity{}, identity.ErrOtherKind
	}
	a, err := i.found(ctx)
	if err != nil {
		return identity.Identity{}, err
	}
	return a.Authenticate(ctx, c)
}

// found asks the issuer where its keys are; once it has answered never again.
func (i *issuer) found(ctx context.Context) (*identity.JWT, error) {
	if a := i.open.Load(); a != nil {
		return a, nil
	}
	select {
	case i.busy <- struct{}{}:
		defer func() { <-i.busy }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a := i.open.Load(); a != nil {
		return a, nil
	}
	// The keys are fetched later on, after this caller has gone.
	a, err := identity.OIDC(context.WithoutCancel(ctx), i.url, i.audience, i.opts...)
	if err != nil {
		return nil, err
	}
	i.open.Store(a)
	return a, nil
}

// claimedIssuer is whom a token says that it is from, which nothing has proved
// yet; "" when it is no such token.
func claimedIssuer(bearer string) string {
	parts := strings.Split(bearer, ".")
	if len(parts) != 3 || len(bearer) > 16<<10 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// noKeySet stands for an issuer's keys while options are judged.
type noKeySet struct{}

// VerifySignature refuses.
func (noKeySet) VerifySignature(context.Context, string) ([]byte, error) {
	return nil, fmt.Errorf("%w: there are no keys", core.ErrUnauthenticated)
}
