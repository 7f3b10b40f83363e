package resolve_test

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
	"github.com/metaxy-go/metaxy/core/resolve/oracle"
)

// fatal is what testing.T and rapid.T have in common here.
type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// field declares a column of plain test rows.
type field struct {
	name string
	typ  arrow.DataType
}

// batch makes an Arrow batch of plain rows. Without containers there is no
// "data_version".
func batch(t fatal, fields []field, containers []string, text arrow.DataType, rows ...oracle.Row) arrow.RecordBatch {
	t.Helper()
	var fs []arrow.Field
	for _, f := range fields {
		fs = append(fs, arrow.Field{Name: f.name, Type: f.typ, Nullable: true})
	}
	if containers != nil {
		var vs []arrow.Field
		for _, c := range containers {
			vs = append(vs, arrow.Field{Name: c, Type: text, Nullable: true})
		}
		fs = append(fs, arrow.Field{Name: core.ColDataVersion, Type: arrow.StructOf(vs...), Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fs, nil))
	defer b.Release()
	for _, r := range rows {
		for i, f := range fields {
			appendTo(t, b.Field(i), r.Values[f.name])
		}
		if containers == nil {
			continue
		}
		dv := b.Field(len(fields)).(*array.StructBuilder)
		dv.Append(true)
		for i, c := range containers {
			if v, ok := r.Versions[c]; ok {
				appendTo(t, dv.FieldBuilder(i), v)
			} else {
				dv.FieldBuilder(i).AppendNull()
			}
		}
	}
	return b.NewRecordBatch()
}

func appendTo(t fatal, b array.Builder, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		b.AppendNull()
	case int64:
		switch b := b.(type) {
		case *array.Int64Builder:
			b.Append(v)
		case *array.Int32Builder:
			b.Append(int32(v))
		case *array.Uint16Builder:
			b.Append(uint16(v))
		case *array.Int64DictionaryBuilder:
			if err := b.Append(v); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("no int64 in %T", b)
		}
	case string:
		switch b := b.(type) {
		case array.StringLikeBuilder:
			b.Append(v)
		case *array.BinaryDictionaryBuilder:
			if err := b.AppendString(v); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("no string in %T", b)
		}
	default:
		t.Fatalf("value of %T", v)
	}
}

// texts lists the canonical ids of rows, in their order.
func texts(t fatal, rows core.Rows, ids []string) []string {
	t.Helper()
	var out []string
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		if !core.SameColumns(b.Schema(), rows.Schema) {
			t.Fatalf("batch has %v, rows promised %v", b.Schema(), rows.Schema)
		}
		v, err := ident.Bind(b, ids)
		if err != nil {
			t.Fatal(err)
		}
		for i := range v.Rows() {
			out = append(out, string(v.AppendText(nil, i)))
		}
	}
	return out
}

// versions reads the computed versions by id, and for stale rows why.
func versions(t fatal, rows core.Rows, ids []string) (byID map[string]map[string]string, by map[string][]string) {
	t.Helper()
	byID, by = map[string]map[string]string{}, map[string][]string{}
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		v, err := ident.Bind(b, ids)
		if err != nil {
			t.Fatal(err)
		}
		dv := b.Column(b.Schema().FieldIndices(core.ColDataVersion)[0]).(*array.Struct)
		for i := range v.Rows() {
			id, m := string(v.AppendText(nil, i)), map[string]string{}
			for c := range dv.NumField() {
				m[dv.DataType().(*arrow.StructType).Field(c).Name] = dv.Field(c).(*array.String).Value(i)
			}
			if byID[id] != nil {
				t.Fatalf("row %d comes twice", i)
			}
			byID[id] = m
			if at := b.Schema().FieldIndices(core.ColStale); len(at) == 1 {
				list := b.Column(at[0]).(*array.List)
				from, to := list.ValueOffsets(i)
				names := list.ListValues().(*array.String)
				for n := from; n < to; n++ {
					by[id] = append(by[id], names.Value(int(n)))
				}
			}
		}
	}
	return byID, by
}

// answer turns an increment into what the oracle gives.
func answer(t fatal, p *core.Plan, inc core.Increment) oracle.Answer {
	t.Helper()
	a := oracle.Answer{Unchanged: int(inc.Stats.Unchanged)}
	a.New, _ = versions(t, inc.New, p.ResolveKey)
	a.Stale, a.By = versions(t, inc.Stale, p.ResolveKey)
	a.Orphaned = texts(t, inc.Orphaned, p.Feature.ID)
	a.Missing = texts(t, inc.Missing, p.ResolveKey)
	slices.Sort(a.Orphaned)
	slices.Sort(a.Missing)
	s := inc.Stats
	if int(s.New) != len(a.New) || int(s.Stale) != len(a.Stale) || int(s.Orphaned) != len(a.Orphaned) || int(s.Missing) != len(a.Missing) {
		t.Fatalf("stats %+v count other rows than there are", s)
	}
	by := map[string]int64{}
	for _, names := range a.By {
		for _, n := range names {
			by[n]++
		}
	}
	for c, n := range s.StaleBy {
		if by[c] != n {
			t.Fatalf("stale by %s: %d, counted %d", c, n, by[c])
		}
	}
	return a
}

var _ fatal = (*testing.T)(nil)
