package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is an OpenID Connect issuer on the loopback interface.
type issuer struct {
	*httptest.Server
	keys  map[string]*rsa.PrivateKey
	asked atomic.Int64
	down  atomic.Bool
}

func newIssuer(t *testing.T, ids ...string) *issuer {
	t.Helper()
	i := &issuer{keys: map[string]*rsa.PrivateKey{}}
	for _, id := range ids {
		i.add(t, id)
	}
	mux := http.NewServeMux()
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a", "token_endpoint": i.URL + "/t"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.asked.Add(1)
		if i.down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		var keys []map[string]string
		for id, k := range i.keys {
			keys = append(keys, map[string]string{
				"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
				"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
				"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
			})
		}
		answer(w, map[string]any{"keys": keys})
	})
	return i
}

func (i *issuer) add(t *testing.T, id string) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.keys[id] = k
}

func signed(t *testing.T, method jwt.SigningMethod, key crypto.PrivateKey, kid string, c jwt.MapClaims) string {
	t.Helper()
	tok := jwt.NewWithClaims(method, c)
	tok.Header["kid"] = kid
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (i *issuer) claims(change func(jwt.MapClaims)) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": i.URL, "aud": "metaxy", "sub": "ann", "groups": []string{"research"}, "jti": "t1",
		"iat": noon.Add(-time.Minute).Unix(), "exp": noon.Add(time.Hour).Unix(),
	}
	if change != nil {
		change(c)
	}
	return c
}

func open(t *testing.T, i *issuer, opts ...identity.JWTOption) *identity.JWT {
	t.Helper()
	client := i.Client()
	t.Cleanup(client.CloseIdleConnections)
	j, err := identity.OIDC(t.Context(), i.URL, "metaxy", append([]identity.JWTOption{identity.JWTClock(at(noon)), identity.HTTPClient(client)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestOIDC(t *testing.T) {
	i := newIssuer(t, "k1")
	j := open(t, i)
	auth := func(token string) (identity.Identity, error) {
		return j.Authenticate(t.Context(), identity.Credentials{Bearer: token})
	}
	good := func(change func(jwt.MapClaims)) string {
		return signed(t, jwt.SigningMethodRS256, i.keys["k1"], "k1", i.claims(change))
	}
	for range 3 {
		id, err := auth(good(nil))
		if err != nil || id.Name != "user:ann" || len(id.Groups) != 1 || id.Groups[0] != "group:research" || id.TokenID != "t1" || id.Method != "jwt" {
			t.Fatalf("a right token: %+v, %v", id, err)
		}
	}
	if n := i.asked.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times, want once", n)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(claim string, v any) string { return good(func(c jwt.MapClaims) { c[claim] = v }) }
	without := func(claim string) string { return good(func(c jwt.MapClaims) { delete(c, claim) }) }
	parts := strings.Split(good(nil), ".")
	admin := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(decode(t, parts[1]), `"ann"`, `"admin"`, 1)))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`))
	public := i.keys["k1"].N.Bytes()
	for what, token := range map[string]string{
		"no issuer":                 without("iss"),
		"another audience":          set("aud", "other"),
		"no audience":               without("aud"),
		"expired":                   set("exp", noon.Add(-31*time.Second).Unix()),
		"without expiry":            without("exp"),
		"of tomorrow":               set("nbf", noon.Add(time.Minute).Unix()),
		"issued tomorrow":           set("iat", noon.Add(time.Minute).Unix()),
		"no subject":                without("sub"),
		"a subject that is no text": set("sub", 7),
		"a subject of two lines":    set("sub", "ann\nrole"),
		"a group of two lines":      set("groups", []string{"a\nb"}),
		"a key of somebody else":    signed(t, jwt.SigningMethodRS256, stranger, "k1", i.claims(nil)),
		"an unknown key":            signed(t, jwt.SigningMethodRS256, stranger, "k9", i.claims(nil)),
		"another method":            signed(t, jwt.SigningMethodRS384, i.keys["k1"], "k1", i.claims(nil)),
		"another kind of key":       signed(t, jwt.SigningMethodES256, curve, "k1", i.claims(nil)),
		"the public key as secret":  signed(t, jwt.SigningMethodHS256, public, "k1", i.claims(nil)),
		"no signature":              none + "." + parts[1] + ".",
		"changed claims":            parts[0] + "." + admin + "." + parts[2],
		"nonsense":                  "a.b.c",
		"too long":                  "a." + strings.Repeat("b", 20<<10) + ".c",
	} {
		if id, err := auth(token); !errors.Is(err, core.ErrUnauthenticated) || errors.Is(err, identity.ErrOtherKind) {
			t.Errorf("%s: %+v, %v", what, id, err)
		} else if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "admin") {
			t.Errorf("%s: the error holds it: %v", what, err)
		}
	}
	for what, token := range map[string]string{
		"expired within the leeway": set("exp", noon.Add(-29*time.Second).Unix()),
		"issued within the leeway":  set("iat", noon.Add(29*time.Second).Unix()),
		"one audience of several":   set("aud", []string{"other", "metaxy"}),
		"a single group":            set("groups", "research"),
	} {
		if _, err := auth(token); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := auth(set("iss", "https://other.example")); !errors.Is(err, identity.ErrOtherKind) || !errors.Is(err, core.ErrUnauthenticated) {
		t.Errorf("a token of another issuer: %v", err)
	}
	if _, err := auth("mxt_a.b"); !errors.Is(err, identity.ErrOtherKind) {
		t.Errorf("an API token: %v", err)
	}
	// A role is never taken from a token.
	if id, err := auth(set("groups", []string{"role:admin"})); err != nil || id.Groups[0] != "group:role:admin" {
		t.Errorf("a group called like a role: %+v, %v", id, err)
	}
}

func decode(t *testing.T, part string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKeyRotation: a token that names a new key makes the keys be fetched.
func TestKeyRotation(t *testing.T) {
	i := newIssuer(t, "k1")
	j := open(t, i, identity.SubjectClaim("client"), identity.GroupsClaim("teams"), identity.ForServices())
	auth := func(kid string) (identity.Identity, error) {
		token := signed(t, jwt.SigningMethodRS256, i.keys[kid], kid, i.claims(func(c jwt.MapClaims) { c["client"], c["teams"] = "nightly", []string{"jobs"} }))
		return j.Authenticate(t.Context(), identity.Credentials{Bearer: token})
	}
	if _, err := auth("k1"); err != nil {
		t.Fatal(err)
	}
	i.add(t, "k2")
	if id, err := auth("k2"); err != nil || id.Name != "service:nightly" || fmt.Sprint(id.Groups) != "[group:jobs]" {
		t.Errorf("the new key: %+v, %v", id, err)
	}
	i.add(t, "k3")
	i.down.Store(true)
	if _, err := auth("k3"); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("keys that cannot be fetched: %v, want ErrUnavailable", err)
	}
	if _, err := auth("k1"); err != nil {
		t.Errorf("a known key while the issuer is down: %v", err)
	}
}

// TestTwoIssuers: a chain asks the issuer that a token names, and no other.
func TestTwoIssuers(t *testing.T) {
	first, second := newIssuer(t, "k1"), newIssuer(t, "k1")
	chain := identity.Chain(open(t, first), open(t, second, identity.ForServices()))
	auth := func(token string) (identity.Identity, error) {
		return chain.Authenticate(t.Context(), identity.Credentials{Bearer: token})
	}
	sign := func(by *issuer, c jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodRS256, by.keys["k1"], "k1", c)
	}
	if id, err := auth(sign(first, first.claims(nil))); err != nil || id.Name != "user:ann" {
		t.Errorf("of the first: %+v, %v", id, err)
	}
	if id, err := auth(sign(second, second.claims(nil))); err != nil || id.Name != "service:ann" {
		t.Errorf("of the second: %+v, %v", id, err)
	}
	for what, token := range map[string]string{
		"of the first, signed by the second": sign(second, first.claims(nil)),
		"of the second, signed by the first": sign(first, second.claims(nil)),
		"of a third":                         sign(first, first.claims(func(c jwt.MapClaims) { c["iss"] = "https://other.example" })),
		"of nobody":                          sign(first, first.claims(func(c jwt.MapClaims) { delete(c, "iss") })),
		"of two":                             sign(first, first.claims(func(c jwt.MapClaims) { c["iss"] = []string{first.URL, second.URL} })),
		"expired, of the second":             sign(second, second.claims(func(c jwt.MapClaims) { c["exp"] = noon.Add(-time.Hour).Unix() })),
	} {
		if id, err := auth(token); !errors.Is(err, core.ErrUnauthenticated) || id.Name != "" {
			t.Errorf("%s: %+v, %v", what, id, err)
		}
	}
}

func TestNewJWT(t *testing.T) {
	i := newIssuer(t, "k1")
	for what, f := range map[string]func() (*identity.JWT, error){
		"no audience": func() (*identity.JWT, error) {
			return identity.OIDC(t.Context(), i.URL, "", identity.HTTPClient(i.Client()))
		},
		"a shared secret": func() (*identity.JWT, error) {
			return identity.OIDC(t.Context(), i.URL, "metaxy", identity.HTTPClient(i.Client()), identity.Methods("HS256"))
		},
		"no method": func() (*identity.JWT, error) {
			return identity.OIDC(t.Context(), i.URL, "metaxy", identity.HTTPClient(i.Client()), identity.Methods("none"))
		},
		"no keys": func() (*identity.JWT, error) { return identity.NewJWT(i.URL, "metaxy", nil) },
	} {
		if _, err := f(); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	url := i.URL
	i.Client().CloseIdleConnections()
	i.Close()
	if _, err := identity.OIDC(t.Context(), url, "metaxy"); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("an issuer that is not there: %v", err)
	}
}
