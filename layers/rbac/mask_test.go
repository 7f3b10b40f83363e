package rbac_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	memstore "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity/identitytest"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestMasks shows columns of every type in every way, and holds the rows to the
// schema that Stat promises.
func TestMasks(t *testing.T) {
	text := arrow.BinaryTypes.String
	types := map[string]arrow.DataType{
		"text": text, "large": arrow.BinaryTypes.LargeString, "dict": &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: text},
		"number": arrow.PrimitiveTypes.Int64, "real": arrow.PrimitiveTypes.Float64, "flag": arrow.FixedWidthTypes.Boolean,
		"when": arrow.FixedWidthTypes.Timestamp_us, "list": arrow.ListOf(text), "pair": arrow.StructOf(arrow.Field{Name: "x", Type: text, Nullable: true}),
		"map": arrow.MapOf(text, text), "bytes": arrow.BinaryTypes.Binary, "date": arrow.FixedWidthTypes.Date32,
		"decimal": &arrow.Decimal128Type{Precision: 10, Scale: 2}, "fixed": arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32),
	}
	names := make([]string, 0, len(types))
	for n := range types {
		names = append(names, n)
	}
	slices.Sort(names)
	fields := []arrow.Field{{Name: "sample_id", Type: text}}
	null, full := []any{"a"}, []any{"b"}
	for _, n := range names {
		fields = append(fields, arrow.Field{Name: n, Type: types[n], Nullable: true})
		null = append(null, nil)
		switch n {
		case "text", "large", "dict":
			full = append(full, "+49 170 1234567")
		case "number":
			full = append(full, 42)
		default:
			full = append(full, nil)
		}
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})})
	dv := []any{"v"}
	short := slices.Clone(full)
	short[0] = "c"
	for i, n := range names {
		if slices.Contains([]string{"text", "large", "dict"}, n) {
			short[i+1] = "äöü1234"
		}
	}
	schema := schemaOf(fields...)
	mem := storetest.Allocator(t)
	base := memstore.New(memstore.Allocator(mem))
	defer base.Close()
	g, err := core.NewGraph(core.NewFeature("a/x"))
	if err != nil {
		t.Fatal(err)
	}
	plan, _ := g.Plan("a/x")
	rows := storetest.RowsIn(t, mem, 2, schema, append(null, dv), append(full, dv), append(short, dv))
	if _, err := base.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	ctx := identitytest.As(t, "ann")
	for _, show := range []rbac.Show{rbac.ShowLast4, rbac.ShowHash, rbac.ShowNull} {
		p := policy(t, "p, user:ann, **, *, allow")
		for _, n := range names {
			if err := p.Add(rbac.Protect("user:ann", "**", n, show)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := rbac.New(p, rbac.MaskKey([]byte("0123456789abcdef"))).Wrap(base)
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.Stat(ctx, core.StatRequest{Key: "a/x"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Read(ctx, core.ReadRequest{Key: "a/x"})
		if err != nil {
			t.Fatal(err)
		}
		if !got.Schema.Equal(info.Schema) {
			t.Errorf("%s: rows have %v, Stat says %v", show, got.Schema, info.Schema)
		}
		lines, err := storetest.LinesInOrder(got)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(lines, "\n")
		for _, leak := range []string{"+49", "123456", "äöü", "42 "} {
			if strings.Contains(all, leak) {
				t.Errorf("%s shows %q:\n%s", show, leak, all)
			}
		}
		if got := strings.Count(all, `"****4567"`); show == rbac.ShowLast4 && got != 3 {
			t.Errorf("last4:\n%s", all)
		}
		if show == rbac.ShowLast4 && strings.Count(all, `"****"`) != 3 {
			t.Errorf("last4 of short texts:\n%s", all)
		}
		if show == rbac.ShowNull && strings.Count(all, "null") != 3*len(names) {
			t.Errorf("null:\n%s", all)
		}
	}
}

// TestHashes: equal values are equal under one key, in every feature, and
// differ between columns and keys; without a key there is none.
func TestHashes(t *testing.T) {
	base := storetest.Populated(t)
	read := func(opts ...rbac.Option) []string {
		s, err := rbac.New(policy(t, "p, user:ann, **, *, allow\np2, *, **, path, hash\np2, *, **, sample_id, hash"), opts...).Wrap(base)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Read(identitytest.As(t, "ann"), core.ReadRequest{Key: storetest.KeyVideo, Columns: []string{"path", "sample_id"}})
		if err != nil {
			t.Fatal(err)
		}
		lines, err := storetest.Lines(rows)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	a, again, b, none := read(rbac.MaskKey([]byte("0123456789abcdef"))), read(rbac.MaskKey([]byte("0123456789abcdef"))), read(rbac.MaskKey([]byte("0123456789abcdeX"))), read()
	if !slices.Equal(a, again) || slices.Equal(a, b) {
		t.Error("hashes do not depend on the key alone")
	}
	for _, l := range none {
		if l != "path=null sample_id=null" {
			t.Errorf("without a key: %s", l)
		}
	}
	if _, err := rbac.New(policy(t, ""), rbac.MaskKey([]byte("short"))).Wrap(base); err == nil {
		t.Error("a short key is taken")
	}
}

// TestPartResolve: whoever sees a part resolves what a store of that part alone
// would, and what they write is then clean for them.
func TestPartResolve(t *testing.T) {
	g := matrixGraph(t)
	data := matrixStore(t, g)
	plan, err := g.Plan("down/plain")
	if err != nil {
		t.Fatal(err)
	}
	s, err := rbac.New(policy(t, "p, user:ann, **, *, allow\np3, user:ann, a/*, region = 'us'")).Wrap(data)
	if err != nil {
		t.Fatal(err)
	}
	ctx := identitytest.As(t, "ann")
	inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan})
	if err != nil || inc.Stats.New != 3 {
		t.Fatalf("ann's part: %+v, %v", inc.Stats, err)
	}
	if _, err := s.Write(ctx, core.WriteRequest{Plan: plan, Rows: inc.New, Basis: inc.Basis}); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan}); err != nil || !again.Stats.Clean() || again.Stats.Unchanged != 3 {
		t.Errorf("after writing it: %+v, %v", again.Stats, err)
	}
	if all, err := data.Resolve(t.Context(), core.ResolveRequest{Plan: plan}); err != nil || all.Stats.New != matrixRows-3 {
		t.Errorf("the rest: %+v, %v", all.Stats, err)
	}
	// Somebody who sees everything computes the rest. To ann those samples are
	// not orphaned, although she does not see what they come from.
	rest, err := data.Resolve(t.Context(), core.ResolveRequest{Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Write(t.Context(), core.WriteRequest{Plan: plan, Rows: rest.New}); err != nil {
		t.Fatal(err)
	}
	last, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan})
	if err != nil || !last.Stats.Clean() || last.Basis != nil || inc.Basis != nil {
		t.Errorf("when the rest is there: %+v, basis %v, %v", last.Stats, last.Basis, err)
	}
	if n, err := last.Orphaned.Count(); n != 0 || err != nil {
		t.Errorf("%d orphans, %v", n, err)
	}
}
