package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// oidcIssuer is an OpenID Connect issuer on the loopback interface.
type oidcIssuer struct {
	*httptest.Server
	key   *ecdsa.PrivateKey
	asked atomic.Int64
	down  atomic.Bool
}

func newOIDC(t *testing.T) *oidcIssuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	i := &oidcIssuer{key: key}
	part := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	i.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		if i.down.Load() {
			http.Error(out, "down", http.StatusInternalServerError)
			return
		}
		answer := map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL, "token_endpoint": i.URL}
		if r.URL.Path == "/keys" {
			answer = map[string]any{"keys": []any{map[string]string{
				"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k", "x": part(public[1:33]), "y": part(public[33:]),
			}}}
		}
		out.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(out).Encode(answer)
	}))
	t.Cleanup(func() {
		i.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return i
}

func (i *oidcIssuer) token(t *testing.T, claimed, who string) identity.Credentials {
	t.Helper()
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": claimed, "aud": "metaxy", "sub": "number", "name": who, "teams": []string{"research"},
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	token.Header["kid"] = "k"
	text, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Credentials{Bearer: text}
}

// Tokens, two issuers and certificates beside each other: each credential goes
// to the source of its kind, an issuer is asked when it is needed, and one that
// is down keeps nobody else out.
func TestIdentitySources(t *testing.T) {
	w := newWorld(t)
	one, two := newOIDC(t), newOIDC(t)
	doc := strings.Replace(document(someColumns), "[stores.prod.rbac.audit]", fmt.Sprintf(`mtls = true
[[stores.prod.rbac.oidc]]
issuer        = %q
audience      = "metaxy"
subject_claim = "name"
groups_claim  = "teams"
[[stores.prod.rbac.oidc]]
issuer        = %q
audience      = "metaxy"
subject_claim = "name"
services      = true
methods       = "ES256"
leeway        = "5s"
[stores.prod.rbac.audit]`, one.URL, two.URL), 1)
	who := w.open(doc, "prod").Authenticator
	if one.asked.Load()+two.asked.Load() != 0 {
		t.Error("an issuer was asked before anybody needs it")
	}
	two.down.Store(true)
	for want, c := range map[string]identity.Credentials{
		"service:nightly []":        {Bearer: w.token},
		"user:ann [group:research]": one.token(t, one.URL, "ann"),
	} {
		id, err := who.Authenticate(t.Context(), c)
		if got := fmt.Sprint(id.Name, " ", id.Groups); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	mine := two.token(t, two.URL, "batch")
	if _, err := who.Authenticate(t.Context(), mine); !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
	two.down.Store(false)
	if id, err := who.Authenticate(t.Context(), mine); err != nil || id.Name != "service:batch" {
		t.Error(id, err)
	}
	for _, c := range []identity.Credentials{
		two.token(t, one.URL, "mallory"), two.token(t, "https://elsewhere.example", "mallory"), two.token(t, "", "mallory"),
		{Bearer: "a.b.c"},
		{Bearer: "..."},
		{},
	} {
		if id, err := who.Authenticate(t.Context(), c); !errors.Is(err, core.ErrUnauthenticated) {
			t.Error(id, err)
		}
	}
}
