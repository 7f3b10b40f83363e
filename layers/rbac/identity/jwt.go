package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	"github.com/metaxy-go/metaxy/core"
)

// KeySet verifies the signature of a token and gives its payload. Those of
// go-oidc are ones.
type KeySet interface {
	VerifySignature(ctx context.Context, token string) (payload []byte, err error)
}

// JWT authenticates signed tokens of one issuer: method, signature, issuer,
// audience, expiry and not-before are checked, in that order. A token that says
// that it is of another issuer is ErrOtherKind, so that a Chain may hold several.
type JWT struct {
	issuer    string
	keys      KeySet
	o         jwtOptions
	validator *jwt.Validator
}

// JWTOption sets a choice of JWT.
type JWTOption func(*jwtOptions)

type jwtOptions struct {
	methods []string
	leeway  time.Duration
	now     func() time.Time
	subject string
	groups  string
	kind    string
	client  *http.Client
}

// Methods sets the signature methods that are accepted: RS256, ES256 and EdDSA
// when not set. Methods with a shared secret and "none" are never accepted.
func Methods(names ...string) JWTOption { return func(o *jwtOptions) { o.methods = names } }

// Leeway sets by how much clocks may differ: 30 seconds when not set.
func Leeway(d time.Duration) JWTOption { return func(o *jwtOptions) { o.leeway = d } }

// JWTClock replaces time.Now.
func JWTClock(now func() time.Time) JWTOption { return func(o *jwtOptions) { o.now = now } }

// SubjectClaim sets which claim names the caller: "sub" when not set.
func SubjectClaim(claim string) JWTOption { return func(o *jwtOptions) { o.subject = claim } }

// GroupsClaim sets which claim lists the caller's groups: "groups" when not
// set. They become "group:" and what the issuer calls them, never roles.
func GroupsClaim(claim string) JWTOption { return func(o *jwtOptions) { o.groups = claim } }

// ForServices makes callers "service:" instead of "user:".
func ForServices() JWTOption { return func(o *jwtOptions) { o.kind = Service } }

// HTTPClient sets the client for discovery and keys.
func HTTPClient(c *http.Client) JWTOption { return func(o *jwtOptions) { o.client = c } }

// maxJWT bounds what is parsed.
const maxJWT = 16 << 10

// OIDC finds an issuer by OpenID Connect discovery. Its keys are fetched when
// first needed, kept, and fetched again when a token names another.
func OIDC(ctx context.Context, issuer, audience string, opts ...JWTOption) (*JWT, error) {
	o := newJWTOptions(opts)
	if o.client == nil {
		o.client = &http.Client{Timeout: 10 * time.Second}
	}
	ctx = oidc.ClientContext(ctx, o.client)
	p, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: issuer %s: %w", core.ErrUnavailable, issuer, err)
	}
	var found struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&found); err != nil || found.Keys == "" {
		return nil, fmt.Errorf("%w: issuer %s names no keys", core.ErrInvalid, issuer)
	}
	return NewJWT(issuer, audience, oidc.NewRemoteKeySet(ctx, found.Keys), opts...)
}

func newJWTOptions(opts []JWTOption) jwtOptions {
	o := jwtOptions{methods: []string{"RS256", "ES256", "EdDSA"}, leeway: 30 * time.Second, now: time.Now, subject: "sub", groups: "groups", kind: User}
	for _, set := range opts {
		set(&o)
	}
	return o
}

// NewJWT makes an authenticator for an issuer whose keys are known.
func NewJWT(issuer, audience string, keys KeySet, opts ...JWTOption) (*JWT, error) {
	o := newJWTOptions(opts)
	if issuer == "" || audience == "" || keys == nil {
		return nil, fmt.Errorf("%w: a token is checked against an issuer, an audience and keys", core.ErrInvalid)
	}
	for _, m := range o.methods {
		if jwt.GetSigningMethod(m) == nil || strings.HasPrefix(m, "HS") || m == "none" {
			return nil, fmt.Errorf("%w: signature method %q", core.ErrInvalid, m)
		}
	}
	v := jwt.NewValidator(jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(o.leeway), jwt.WithTimeFunc(o.now), jwt.WithIssuedAt())
	return &JWT{issuer: issuer, keys: keys, o: o, validator: v}, nil
}

// claims are those that are looked at, each under its own type.
type claims struct {
	jwt.RegisteredClaims
	all map[string]json.RawMessage
}

func (c *claims) text(name string) string {
	var s string
	if json.Unmarshal(c.all[name], &s) != nil {
		return ""
	}
	return s
}

func (c *claims) texts(name string) []string {
	var list []string
	if json.Unmarshal(c.all[name], &list) != nil {
		if s := c.text(name); s != "" {
			return []string{s}
		}
		return nil
	}
	return list
}

// Authenticate is Authenticator's.
func (j *JWT) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	if err := ctx.Err(); err != nil {
		return Identity{}, err
	}
	if strings.Count(c.Bearer, ".") != 2 || strings.HasPrefix(c.Bearer, tokenPrefix) {
		return Identity{}, ErrOtherKind
	}
	if len(c.Bearer) > maxJWT {
		return Identity{}, refused("a token of %d bytes", len(c.Bearer))
	}
	// The method is looked at before the keys are, so that a token cannot
	// choose how its signature is understood.
	said := jwt.MapClaims{}
	t, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(c.Bearer, said)
	if err != nil {
		return Identity{}, refused("the token is malformed")
	}
	// Nothing vouches for this yet: it only says whom to ask.
	if issuer, ok := said["iss"].(string); ok && issuer != j.issuer {
		return Identity{}, fmt.Errorf("%w: the token is of another issuer", ErrOtherKind)
	}
	if !slices.Contains(j.o.methods, t.Method.Alg()) {
		return Identity{}, refused("the token is signed by a method that is not accepted")
	}
	payload, err := j.keys.VerifySignature(ctx, c.Bearer)
	if err != nil {
		return Identity{}, keyError(ctx, err)
	}
	var cl claims
	if json.Unmarshal(payload, &cl.RegisteredClaims) != nil || json.Unmarshal(payload, &cl.all) != nil {
		return Identity{}, refused("the token's claims are malformed")
	}
	if err := j.validator.Validate(cl.RegisteredClaims); err != nil {
		return Identity{}, refused("%s", why(err))
	}
	return j.identity(&cl)
}

// keyError tells a wrong signature from keys that cannot be had.
func keyError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "fetching keys"):
		return fmt.Errorf("%w: the issuer's keys cannot be fetched", core.ErrUnavailable)
	}
	return refused("the token's signature is wrong")
}

// why names the claim that is wrong, without its value.
func why(err error) string {
	for _, k := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenExpired, "the token has expired"},
		{jwt.ErrTokenNotValidYet, "the token is not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "the token was issued in the future"},
		{jwt.ErrTokenInvalidIssuer, "the token is of another issuer"},
		{jwt.ErrTokenInvalidAudience, "the token is for another audience"},
		{jwt.ErrTokenRequiredClaimMissing, "the token lacks a claim that is required"},
	} {
		if errors.Is(err, k.err) {
			return k.text
		}
	}
	return "the token's claims are not valid"
}

func (j *JWT) identity(c *claims) (Identity, error) {
	id := Identity{Name: j.o.kind + ":" + c.text(j.o.subject), Method: "jwt", TokenID: c.ID, Expires: c.ExpiresAt.Add(j.o.leeway)}
	for _, g := range c.texts(j.o.groups) {
		id.Groups = append(id.Groups, Group+":"+g)
	}
	if id.Check() != nil {
		return Identity{}, refused("the token names its subject or groups in a way that is not accepted")
	}
	return id, nil
}
