package crypto_test

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func ExampleNew() {
	ring, err := keys.New() // a program opens a keys.File instead
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := compose.New(memory.New(), compose.With(crypto.New(ring,
		crypto.Columns("email"), // AES-256-GCM in every feature that has the column
		crypto.Column("video/**", "owner", crypto.Deterministic()),
		crypto.Nested("profile.phone", crypto.HideNulls()),
	)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	fmt.Println(crypto.New(ring, crypto.Columns("email")).Info().Summary)
	// Output: email
}

func ExampleKeyedVersion() {
	ring, err := keys.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	before, _ := crypto.KeyedVersion(ctx, ring, "video/people", "email", []byte("ann@example.org"))
	rotated, _, _ := ring.Rotate()
	after, _ := crypto.KeyedVersion(ctx, rotated, "video/people", "email", []byte("ann@example.org"))
	fmt.Println(len(before), before == after)
	// Output: 64 true
}
