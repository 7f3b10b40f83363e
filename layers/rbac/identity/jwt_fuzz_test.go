package identity_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// loose spells the same signature with other bits behind its end.
func loose(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	end := len(token) - 1
	return token[:end] + string(alphabet[strings.IndexByte(alphabet, token[end])+1])
}

// FuzzJWT: whatever bytes a token has, it is refused, without a panic and
// without being repeated, unless it is the one that was signed.
func FuzzJWT(f *testing.F) {
	private := ed25519.NewKeyFromSeed([]byte("a seed of the tests, not a secret"[:32]))
	keys := &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{private.Public()}}
	j, err := identity.NewJWT("https://issuer.example", "metaxy", keys, identity.JWTClock(at(noon)))
	if err != nil {
		f.Fatal(err)
	}
	claims := jwt.MapClaims{"iss": "https://issuer.example", "aud": "metaxy", "sub": "ann", "groups": "research", "exp": noon.Unix() + 60}
	good, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SignedString(private)
	if err != nil {
		f.Fatal(err)
	}
	if id, err := j.Authenticate(context.Background(), identity.Credentials{Bearer: good}); err != nil || id.Name != "user:ann" {
		f.Fatalf("the right token: %+v, %v", id, err)
	}
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	parts := strings.Split(good, ".")
	for _, s := range []string{
		good, loose(good), "", "..", "a.b.c", good + "=", good[:len(good)-1], parts[0] + "." + parts[1] + ".", part(`{"alg":"none"}`) + "." + parts[1] + ".",
		part(`{"alg":"EdDSA","crit":["x"]}`) + "." + parts[1] + "." + parts[2], parts[0] + "." + part(`{"iss":["https://issuer.example"]}`) + "." + parts[2],
		parts[0] + "." + part(`{"iss":"https://other.example","ISS":"https://issuer.example"}`) + "." + parts[2],
		parts[0] + "." + part(`{"exp":1e999,"aud":{}}`) + "." + parts[2], part(`null`) + "." + part(`null`) + "." + parts[2],
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := j.Authenticate(context.Background(), identity.Credentials{Bearer: s})
		switch {
		case s == good && err == nil:
		case err == nil || id.Name != "":
			t.Errorf("%q is a token: %+v", s, id)
		case !errors.Is(err, core.ErrUnauthenticated):
			t.Errorf("%q: %v", s, err)
		case len(s) > 40 && strings.Contains(err.Error(), s):
			t.Errorf("the error holds the token: %v", err)
		}
	})
}
