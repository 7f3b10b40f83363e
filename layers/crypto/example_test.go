package crypto_test

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/storetest"
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

func ExampleCrypto_Pushes() {
	ring, err := keys.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	layer := crypto.New(ring, crypto.Columns("email"), crypto.Column("**", "owner", crypto.Deterministic()))
	below := memory.New()
	defer below.Close()
	if err := writeOwners(below, layer); err != nil {
		fmt.Println(err)
		return
	}
	filter, err := expr.Parse("owner = 'ann' AND email LIKE 'a%' AND email IS NOT NULL AND size > 3")
	if err != nil {
		fmt.Println(err)
		return
	}
	terms, err := layer.Pushes(context.Background(), below, "video/raw", filter)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range terms {
		fmt.Println(t)
	}
	// Output:
	// storage: owner IN (?)
	// above: email LIKE ?
	// storage: email IS NOT NULL
	// storage: size > ?
}

// writeOwners writes one sample of video/raw.
func writeOwners(below core.Store, layer *crypto.Crypto) error {
	graph, err := core.NewGraph(core.NewFeature("video/raw", core.ID("id"), core.Container("frames")))
	if err != nil {
		return err
	}
	plan, err := graph.Plan("video/raw")
	if err != nil {
		return err
	}
	store, err := layer.Wrap(below)
	if err != nil {
		return err
	}
	defer store.Close()
	text := arrow.BinaryTypes.String
	batch := storetest.Batch(allocator(), arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: text},
		{Name: "owner", Type: text},
		{Name: "email", Type: text, Nullable: true},
		{Name: "size", Type: arrow.PrimitiveTypes.Int64},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"frames"})},
	}, nil), []any{"v1", "ann", nil, int64(4), []any{"1"}})
	defer batch.Release()
	_, err = store.Write(context.Background(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)})
	return err
}
