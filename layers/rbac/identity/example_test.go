package identity_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

func ExampleNewTokens() {
	// The text goes to its owner, the rest into a file.
	text, kept, err := identity.NewToken("service:nightly", []string{"group:jobs"}, time.Time{})
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens, err := identity.NewTokens([]identity.Token{kept})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := tokens.Authenticate(context.Background(), identity.Credentials{Bearer: text})
	fmt.Println(id.Name, id.Groups, err)
	_, err = tokens.Authenticate(context.Background(), identity.Credentials{Bearer: strings.ToUpper(text)})
	fmt.Println(err)
	// Output:
	// service:nightly [group:jobs] <nil>
	// unauthenticated: no credentials of this kind
}

func ExampleOpenTokens() {
	path := filepath.Join(os.TempDir(), "no-such-tokens.json")
	_, err := identity.OpenTokens(path)
	fmt.Println(err != nil)
	// Output: true
}

func ExampleNewMTLS() {
	a := identity.NewMTLS()
	// In a server: Credentials{TLS: request.TLS}.
	_, err := a.Authenticate(context.Background(), identity.Credentials{TLS: &tls.ConnectionState{}})
	fmt.Println(err)
	// Output: unauthenticated: no credentials of this kind
}

// OIDC asks the issuer for its keys; Chain tries an API token before.
func ExampleChain() {
	ctx := context.Background()
	tokens, err := identity.NewTokens(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	issuer, err := identity.OIDC(ctx, "http://127.0.0.1:1", "metaxy", identity.Leeway(time.Minute))
	if err != nil {
		fmt.Println("the issuer does not answer")
		return
	}
	_ = identity.Chain(tokens, issuer)
	// Output: the issuer does not answer
}

func ExampleNewJWT() {
	_, err := identity.NewJWT("https://issuer.example", "metaxy", nil)
	fmt.Println(err)
	// Output: invalid: a token is checked against an issuer, an audience and keys
}

func ExampleNewToken() {
	text, kept, err := identity.NewToken("user:ann", nil, time.Time{})
	fmt.Println(strings.HasPrefix(text, "mxt_"+kept.ID+"."), strings.HasPrefix(kept.Hash, "$argon2id$"), err)
	// Output: true true <nil>
}
