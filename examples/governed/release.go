package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/examples/openmoji/data"
	"github.com/metaxy-go/metaxy/layers/crypto"
)

// release is one release of the collection, by hexcode.
type release struct {
	columns []string
	records [][]string
}

func loadRelease(version string) (release, error) {
	columns, records, err := data.Release(version)
	return release{columns, records}, err
}

func (r release) value(rec []string, column string) string {
	return rec[slices.Index(r.columns, column)]
}

// kept are the columns of the release that openmoji/source holds.
func kept() []string { return []string{hexcode, "emoji", group, "annotation", author} }

// pseudonym stands for an author without telling who it is: a keyed hash, which
// a rotation leaves alone.
func (g *governed) pseudonym(ctx context.Context, name string) (string, error) {
	v, err := crypto.KeyedVersion(ctx, g.ring, source, authorID, []byte(name))
	if err != nil {
		return "", err
	}
	return "a-" + v[:8], nil
}

// samples are the rows of openmoji/source. The version of the author is a keyed
// hash too: a plain one would confirm whoever guesses the name.
func (g *governed) samples(ctx context.Context, r release) (core.Rows, error) {
	var fields []arrow.Field
	for _, c := range append(kept(), authorID) {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.BinaryTypes.String, Nullable: c != hexcode})
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"drawing", "words", "author"})})
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	text := func(i int, s string) { b.Field(i).(*array.StringBuilder).Append(s) }
	for _, rec := range r.records {
		name := r.value(rec, author)
		id, err := g.pseudonym(ctx, name)
		if err != nil {
			return core.Rows{}, err
		}
		who, err := crypto.KeyedVersion(ctx, g.ring, source, author, []byte(name))
		if err != nil {
			return core.Rows{}, err
		}
		for i, c := range kept() {
			text(i, r.value(rec, c))
		}
		text(len(kept()), id)
		words := sha256.Sum256([]byte(r.value(rec, "annotation")))
		versions := b.Field(len(kept()) + 1).(*array.StructBuilder)
		versions.Append(true)
		for i, v := range []string{r.value(rec, "color_sha256"), hex.EncodeToString(words[:]), who} {
			versions.FieldBuilder(i).(*array.StringBuilder).Append(v)
		}
	}
	return core.RowsOf(b.Schema(), b.NewRecordBatch()), nil
}

// bring makes the store hold the release: what changed is written, what is gone
// retired, and everything that depends on it computed again.
func (g *governed) bring(ctx context.Context, r release) error {
	p, err := g.graph.Plan(source)
	if err != nil {
		return err
	}
	samples, err := g.samples(ctx, r)
	if err != nil {
		return err
	}
	inc, err := g.store.Resolve(ctx, core.ResolveRequest{Plan: p, Samples: samples})
	if err != nil {
		return err
	}
	changed := map[string]bool{}
	for _, rows := range []core.Rows{inc.New, inc.Stale} {
		ids, err := collect(rows, hexcode)
		if err != nil {
			return err
		}
		for _, id := range ids {
			changed[id[0].text] = true
		}
	}
	r.records = slices.DeleteFunc(slices.Clone(r.records), func(rec []string) bool { return !changed[r.value(rec, hexcode)] })
	if samples, err = g.samples(ctx, r); err != nil {
		return err
	}
	if _, err := g.store.Write(ctx, core.WriteRequest{Plan: p, Rows: samples}); err != nil {
		return err
	}
	if inc.Stats.Orphaned > 0 {
		if _, err := resolve.Retire(ctx, g.store, p, inc.Orphaned); err != nil {
			return err
		}
	}
	return g.recompute(ctx)
}

// increments resolves every feature.
func (g *governed) increments(ctx context.Context, r release) ([]core.Stats, error) {
	var out []core.Stats
	for _, key := range g.graph.Keys() {
		p, err := g.graph.Plan(key)
		if err != nil {
			return nil, err
		}
		req := core.ResolveRequest{Plan: p}
		if p.Root() {
			if req.Samples, err = g.samples(ctx, r); err != nil {
				return nil, err
			}
		}
		inc, err := g.store.Resolve(ctx, req)
		if err != nil {
			return nil, err
		}
		out = append(out, inc.Stats)
	}
	return out, nil
}
