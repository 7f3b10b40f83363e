package identity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func TestContext(t *testing.T) {
	if _, ok := identity.From(t.Context()); ok {
		t.Error("a context without an identity has one")
	}
	for name, want := range map[string]bool{
		"user:ann": true, "service:a/b": true, "user:ann@example.org": true, "role:admin": false, "group:x": false,
		"ann": false, "user:": false, "": false, "user:a,b": false, "user:a\nb": false, "user:a b": false, "user:*": false, "other:x": false,
		"user:" + strings.Repeat("x", 300): false, "user:\xff": false,
	} {
		ctx := identity.With(identitytest.As(t, "outer"), identity.Identity{Name: name})
		if got, ok := identity.From(ctx); ok != want || ok && got.Name != name {
			t.Errorf("%q: an identity is %v, want %v", name, ok, want)
		}
	}
	if _, ok := identity.From(identity.With(t.Context(), identity.Identity{Name: "user:ann", Groups: []string{"role:admin"}})); ok {
		t.Error("a role among the groups is accepted")
	}
}

func TestCredentialsPrintNothing(t *testing.T) {
	c := identity.Credentials{Bearer: "mxt_SECRET"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "SECRET") || strings.Contains(s, "534543524554") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

func TestTokens(t *testing.T) {
	text, kept, err := identity.NewToken("service:nightly", []string{"group:jobs"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%+v", kept), strings.SplitN(text, ".", 2)[1]) {
		t.Error("what is kept holds the secret")
	}
	now := noon.Add(-time.Hour)
	a, err := identity.NewTokens([]identity.Token{kept}, identity.TokenClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	auth := func(bearer string) (identity.Identity, error) {
		return a.Authenticate(t.Context(), identity.Credentials{Bearer: bearer})
	}
	for range 2 { // hashed, then remembered
		id, err := auth(text)
		if err != nil || id.Name != "service:nightly" || len(id.Groups) != 1 || id.Method != "token" || id.TokenID != kept.ID {
			t.Fatalf("a right token: %+v, %v", id, err)
		}
		for what, wrong := range map[string]string{
			"another secret": text[:len(text)-1] + "_", "no secret": text[:strings.Index(text, ".")+1], "another id": strings.Replace(text, "mxt_", "mxt_0", 1),
			"a longer secret": text + "x",
		} {
			if _, err := auth(wrong); !errors.Is(err, core.ErrUnauthenticated) || errors.Is(err, identity.ErrOtherKind) {
				t.Errorf("%s: %v", what, err)
			} else if secret := wrong[strings.Index(wrong, ".")+1:]; secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds it", what)
			}
		}
	}
	for _, other := range []string{"", "x.y.z", "mxt_", "mxt_abc"} {
		if _, err := auth(other); !errors.Is(err, identity.ErrOtherKind) {
			t.Errorf("%q: %v, want another kind", other, err)
		}
	}
	now = noon
	if _, err := auth(text); !errors.Is(err, core.ErrUnauthenticated) {
		t.Errorf("an expired token: %v", err)
	}
}

func TestTokenFiles(t *testing.T) {
	_, kept, err := identity.NewToken("user:ann", nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	bad := func(change func(*identity.Token)) identity.Token {
		k := kept
		change(&k)
		return k
	}
	for what, tokens := range map[string][]identity.Token{
		"a token twice": {kept, kept},
		"a role":        {bad(func(k *identity.Token) { k.Name = "role:admin" })},
		"a plain hash":  {bad(func(k *identity.Token) { k.Hash = "abc" })},
		"no id":         {bad(func(k *identity.Token) { k.ID = "" })},
		"a hash that takes 64 GiB": {bad(func(k *identity.Token) {
			k.Hash = strings.Replace(k.Hash, "m=19456", "m=67108864", 1)
		})},
		"another function": {bad(func(k *identity.Token) { k.Hash = strings.Replace(k.Hash, "argon2id", "argon2i", 1) })},
	} {
		if _, err := identity.NewTokens(tokens); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, text := range []string{"", "{}", `[{"id":1}]`, `[{"secret":"x"}]`, `[] []`} {
		if _, err := identity.ReadTokens(strings.NewReader(text)); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := identity.OpenTokens(t.TempDir() + "/none"); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a missing file: %v", err)
	}
}

func FuzzTokens(f *testing.F) {
	_, kept, err := identity.NewToken("user:ann", nil, time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	a, err := identity.NewTokens([]identity.Token{kept})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "mxt_", "mxt_a.b", "a.b.c", "mxt_" + kept.ID} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := a.Authenticate(context.Background(), identity.Credentials{Bearer: s}); err == nil || id.Name != "" {
			t.Errorf("%q is a token", s)
		}
	})
}

func FuzzTokenFile(f *testing.F) {
	f.Add(`[{"id":"a","name":"user:ann","hash":"$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]`)
	f.Add(`[{"id":"a","hash":"$argon2id$v=19$m=,t=,p=$$"}]`)
	f.Fuzz(func(t *testing.T, s string) {
		tokens, err := identity.ReadTokens(strings.NewReader(s))
		if err == nil {
			_, err = identity.NewTokens(tokens)
		}
		if err != nil && !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func TestMTLS(t *testing.T) {
	spiffe, err := url.Parse("spiffe://example.org/job/nightly")
	if err != nil {
		t.Fatal(err)
	}
	cert := func(change func(*x509.Certificate)) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(255), NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
			Subject: pkix.Name{CommonName: "ann", OrganizationalUnit: []string{"research"}},
		}
		change(c)
		return c
	}
	a := identity.NewMTLS(identity.MTLSClock(at(noon)))
	auth := func(c *x509.Certificate, verified bool) (identity.Identity, error) {
		state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
		if verified {
			state.VerifiedChains = [][]*x509.Certificate{{c}}
		}
		return a.Authenticate(t.Context(), identity.Credentials{TLS: state})
	}
	for want, change := range map[string]func(*x509.Certificate){
		"user:ann":             func(*x509.Certificate) {},
		"user:ann@example.org": func(c *x509.Certificate) { c.EmailAddresses = []string{"ann@example.org"} },
		"service:jobs.example": func(c *x509.Certificate) { c.DNSNames = []string{"jobs.example"} },
		"service:spiffe://example.org/job/nightly": func(c *x509.Certificate) {
			c.URIs, c.DNSNames = []*url.URL{spiffe}, []string{"jobs.example"}
		},
	} {
		id, err := auth(cert(change), true)
		if err != nil || id.Name != want || len(id.Groups) != 1 || id.Groups[0] != "group:research" || id.TokenID != "ff" {
			t.Errorf("%s: %+v, %v", want, id, err)
		}
	}
	for what, change := range map[string]func(*x509.Certificate){
		"an expired certificate": func(c *x509.Certificate) { c.NotAfter = noon },
		"one of tomorrow":        func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Minute) },
		"no name":                func(c *x509.Certificate) { c.Subject.CommonName = "" },
		"a name of two lines":    func(c *x509.Certificate) { c.Subject.CommonName = "ann\nrole" },
		"a group that is none":   func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"a, b"} },
	} {
		if _, err := auth(cert(change), true); !errors.Is(err, core.ErrUnauthenticated) || errors.Is(err, identity.ErrOtherKind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := auth(cert(func(*x509.Certificate) {}), false); !errors.Is(err, core.ErrUnauthenticated) || errors.Is(err, identity.ErrOtherKind) {
		t.Errorf("a certificate that nobody verified: %v", err)
	}
	if _, err := a.Authenticate(t.Context(), identity.Credentials{TLS: &tls.ConnectionState{}}); !errors.Is(err, identity.ErrOtherKind) {
		t.Errorf("no certificate: %v", err)
	}
}

func TestChain(t *testing.T) {
	text, kept, err := identity.NewToken("user:ann", nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := identity.NewTokens([]identity.Token{kept}, identity.Remember(0))
	if err != nil {
		t.Fatal(err)
	}
	fake := identitytest.New(t, map[string]identity.Identity{"test": {Name: "user:test"}, "role": {Name: "role:admin"}, "mxt_a.b": {Name: "user:forged"}})
	ch := identity.Chain(identity.NewMTLS(), tokens, fake)
	for bearer, want := range map[string]string{text: "user:ann", "test": "user:test", "role": "", "mxt_a.b": "", "": "", "nobody": ""} {
		id, err := ch.Authenticate(t.Context(), identity.Credentials{Bearer: bearer})
		if id.Name != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", bearer, id.Name, err, want)
		}
	}
}
