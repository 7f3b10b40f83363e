package storetest

import (
	"context"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// Empty is a store in memory without features. It is closed, and its Arrow
// memory counted, when the test ends.
func Empty(t testing.TB) core.Store {
	t.Helper()
	s := memory.New(memory.Allocator(Allocator(t)))
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Populated is a store in memory that holds every feature of Graph, up to date:
//
//	video/raw        10 samples s000…s009 in two commits, s003 written twice
//	video/crop       10 samples, computed
//	video/embedding  10 samples, computed
//	label/human      samples s000…s004
//	train/pair       10 samples, of which 5 have a label
func Populated(t testing.TB) core.Store {
	t.Helper()
	s := Empty(t)
	Fill(t, s)
	return s
}

// Fill writes what Populated describes to a store of any kind.
func Fill(t testing.TB, s core.Store) {
	t.Helper()
	fill(t, t.Context(), s)
}

// fill is Fill with an identity in the context, for enforcing layers.
func fill(t testing.TB, ctx context.Context, s core.Store) {
	t.Helper()
	writeTo(t, ctx, s, KeyVideo, videos(0, 8)...)
	writeTo(t, ctx, s, KeyVideo, append(videos(8, 10), video("s003", 33))...)
	labels := [][]any{}
	for i := range 5 {
		labels = append(labels, []any{sampleID(i), []any{"label-" + sampleID(i)}})
	}
	writeTo(t, ctx, s, KeyLabel, labels...)
	for _, key := range []core.FeatureKey{KeyCrop, KeyEmbedding, KeyTrain} {
		computeIn(t, ctx, s, key)
	}
}

// writeTo appends rows of a root feature of Graph.
func writeTo(t testing.TB, ctx context.Context, s core.Store, key core.FeatureKey, rows ...[]any) {
	t.Helper()
	schema := VideoSchema()
	if key != KeyVideo {
		schema = versionSchema([]string{"sample_id"}, plan(key).ContainerNames()...)
	}
	b := Batch(goAllocator, schema, rows...)
	if _, err := s.Write(ctx, core.WriteRequest{Plan: plan(key), Rows: core.RowsOf(schema, b)}); err != nil {
		t.Fatalf("fixture: write %s: %v", key, err)
	}
}

// computeIn writes what a resolve of the feature finds new or stale.
func computeIn(t testing.TB, ctx context.Context, s core.Store, key core.FeatureKey) {
	t.Helper()
	inc, err := resolve.ByReading(ctx, s, core.ResolveRequest{Plan: plan(key)})
	if err != nil {
		t.Fatalf("fixture: resolve %s: %v", key, err)
	}
	for _, part := range []core.Rows{inc.New, inc.Stale} {
		rows := project(part, append([]string{"sample_id"}, core.ColDataVersion))
		if _, err := s.Write(ctx, core.WriteRequest{Plan: plan(key), Rows: rows, Basis: inc.Basis}); err != nil {
			t.Fatalf("fixture: write %s: %v", key, err)
		}
	}
}

// Environments are stores as a team has them. They overlap:
//
//	feature          Dev            Staging        Prod
//	video/raw        –              s000…s009      s000…s019
//	video/crop       s000…s004      s000…s009      s000…s019
//	video/embedding  –              –              s000…s019
//	label/human      empty commit   –              s000…s004
//
// Dev's crops are of versions of their own.
type Environments struct{ Dev, Staging, Prod core.Store }

// MultiEnv makes the three stores in memory. Nothing connects them: a fallback
// layer does that.
func MultiEnv(t testing.TB) Environments {
	t.Helper()
	ctx := t.Context()
	e := Environments{Dev: Empty(t), Staging: Empty(t), Prod: Empty(t)}
	writeTo(t, ctx, e.Prod, KeyVideo, videos(0, 20)...)
	computeIn(t, ctx, e.Prod, KeyCrop)
	computeIn(t, ctx, e.Prod, KeyEmbedding)
	writeTo(t, ctx, e.Staging, KeyVideo, videos(0, 10)...)
	computeIn(t, ctx, e.Staging, KeyCrop)
	labels, crops := [][]any{}, [][]any{}
	for i := range 5 {
		labels = append(labels, []any{sampleID(i), []any{"label"}})
		crops = append(crops, []any{sampleID(i), []any{"dev-frames", "dev-audio"}})
	}
	writeTo(t, ctx, e.Prod, KeyLabel, labels...)
	writeTo(t, ctx, e.Dev, KeyCrop, crops...)
	writeTo(t, ctx, e.Dev, KeyLabel)
	return e
}
