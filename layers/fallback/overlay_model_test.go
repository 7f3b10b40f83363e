package fallback_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/storetest"
)

// table is a way to store the feature of the model: stores have different ones.
type table struct {
	containers []string
	columns    []arrow.Field // beside the id and the version
}

var tables = []table{
	{[]string{"frames", "audio"}, []arrow.Field{{Name: "size", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "name", Type: arrow.BinaryTypes.String, Nullable: true}}},
	{[]string{"frames"}, []arrow.Field{{Name: "size", Type: arrow.PrimitiveTypes.Int32, Nullable: true}}},
	{[]string{"audio", "text"}, []arrow.Field{{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "score", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}},
}

func (t table) schema() *arrow.Schema {
	fields := append([]arrow.Field{{Name: core.DefaultID, Type: arrow.BinaryTypes.String}}, t.columns...)
	return arrow.NewSchema(append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(t.containers)}), nil)
}

func (t table) plan() *core.Plan {
	var options []core.FeatureOption
	for _, c := range t.containers {
		options = append(options, core.Container(c))
	}
	g, err := core.NewGraph(core.NewFeature("f", options...))
	if err != nil {
		panic(err)
	}
	p, err := g.Plan("f")
	if err != nil {
		panic(err)
	}
	return p
}

// value of a column of sample number n; the same whatever the type.
func value(column string, n int) any {
	switch {
	case n%5 == 4:
		return nil
	case column == "name":
		return fmt.Sprintf("name%d", n)
	case column == "size":
		return n
	}
	return float64(n) / 2
}

// modelStore is what one store holds: the number that decides a sample's
// values, -1 for a retired one.
type modelStore struct {
	name  string
	table table
	has   bool
	rows  map[string]int
	store core.Store // of the leg itself; of the first, the overlay
}

func (m *modelStore) write(t *testing.T, rt *rapid.T, mem arrowmem.Allocator, samples map[string]int) {
	t.Helper()
	var rows [][]any
	for _, id := range slices.Sorted(maps.Keys(samples)) {
		row := []any{id}
		for _, c := range m.table.columns {
			row = append(row, value(c.Name, samples[id]))
		}
		var versions []any
		for _, c := range m.table.containers {
			versions = append(versions, fmt.Sprint(c, samples[id]))
		}
		rows = append(rows, append(row, versions))
		m.rows[id] = samples[id]
	}
	batch := storetest.Batch(mem, m.table.schema(), rows...)
	defer batch.Release()
	if _, err := m.store.Write(t.Context(), core.WriteRequest{Plan: m.table.plan(), Rows: core.RowsOf(batch.Schema(), batch)}); err != nil {
		rt.Fatalf("write to %q: %v", m.name, err)
	}
	m.has = true
}

func (m *modelStore) retire(t *testing.T, mem arrowmem.Allocator, ids []string) error {
	var rows [][]any
	for _, id := range ids {
		rows = append(rows, []any{id})
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: core.DefaultID, Type: arrow.BinaryTypes.String}}, nil)
	batch := storetest.Batch(mem, schema, rows...)
	defer batch.Release()
	_, err := m.store.Write(t.Context(), core.WriteRequest{Plan: m.table.plan(), Tombstones: true, Rows: core.RowsOf(schema, batch)})
	if err == nil {
		m.has = true
		for _, id := range ids {
			m.rows[id] = -1
		}
	}
	return err
}

// legColumns are those of the table that an overlay makes for tombstones.
func legColumns(models []*modelStore) (columns []arrow.Field) {
	schema, _ := merged(models)
	for _, f := range schema.Fields() {
		if !slices.Contains([]string{core.DefaultID, core.ColDataVersion, core.ColOrigin}, f.Name) {
			columns = append(columns, f)
		}
	}
	return columns
}

// merged is the schema and the rows that an overlay of the models gives.
func merged(models []*modelStore) (*arrow.Schema, arrow.RecordBatch) {
	var fields []arrow.Field
	var containers []string
	for _, m := range models {
		if !m.has {
			continue
		}
		for _, f := range m.table.schema().Fields() {
			at := slices.IndexFunc(fields, func(g arrow.Field) bool { return g.Name == f.Name })
			if at < 0 {
				fields = append(fields, f)
			} else if f.Type.ID() == arrow.INT64 {
				fields[at].Type = f.Type
			}
		}
		for _, c := range m.table.containers {
			if !slices.Contains(containers, c) {
				containers = append(containers, c)
			}
		}
	}
	fields[slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == core.ColDataVersion })].Type = core.DataVersionType(containers)
	schema := arrow.NewSchema(append(fields, arrow.Field{Name: core.ColOrigin, Type: arrow.BinaryTypes.String}), nil)

	var rows [][]any
	seen := map[string]bool{}
	for _, m := range models {
		for _, id := range slices.Sorted(maps.Keys(m.rows)) {
			n := m.rows[id]
			if seen[id] || !m.has {
				continue
			}
			seen[id] = true
			if n < 0 {
				continue
			}
			rows = append(rows, m.row(schema, containers, id, n))
		}
	}
	return schema, storetest.Batch(arrowmem.DefaultAllocator, schema, rows...)
}

func (m *modelStore) row(schema *arrow.Schema, containers []string, id string, n int) []any {
	row := []any{}
	for _, f := range schema.Fields() {
		switch f.Name {
		case core.DefaultID:
			row = append(row, id)
		case core.ColOrigin:
			row = append(row, m.name)
		case core.ColDataVersion:
			versions := make([]any, len(containers))
			for i, c := range containers {
				if slices.Contains(m.table.containers, c) {
					versions[i] = fmt.Sprint(c, n)
				}
			}
			row = append(row, versions)
		default:
			row = append(row, nil)
			if m.table.schema().HasField(f.Name) {
				row[len(row)-1] = value(f.Name, n)
			}
		}
	}
	return row
}

// An overlay of random stores reads like the merge of their models, whatever
// columns and filter are asked for.
func TestOverlayModel(t *testing.T) {
	mem := storetest.Allocator(t)
	rapid.Check(t, func(rt *rapid.T) {
		var models []*modelStore
		var legs []fallback.Option
		for i := range rapid.IntRange(1, 4).Draw(rt, "stores") {
			m := &modelStore{table: rapid.SampledFrom(tables).Draw(rt, "table"), rows: map[string]int{}, store: memory.New(memory.Allocator(mem))}
			defer func(s core.Store) { _ = s.Close() }(m.store)
			if i > 0 {
				m.name = fmt.Sprint("leg", i)
				legs = append(legs, fallback.Leg(m.name, m.store))
			}
			models = append(models, m)
		}
		top, err := fallback.NewWith(append(legs, fallback.Overlay())...).Wrap(models[0].store)
		if err != nil {
			rt.Fatal(err)
		}
		models[0].store = top
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			m := rapid.SampledFrom(models).Draw(rt, "store")
			ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 0, 4, rapid.ID[string]).Draw(rt, "ids")
			if rapid.IntRange(0, 2).Draw(rt, "what") == 0 {
				known := m.has || m == models[0] && slices.ContainsFunc(models, func(m *modelStore) bool { return m.has })
				if known && !m.has {
					m.table.columns = legColumns(models)
				}
				if err := m.retire(t, mem, ids); (err == nil) != known {
					rt.Fatalf("retire in %q, which knows the feature: %v: %v", m.name, known, err)
				}
			} else {
				samples := map[string]int{}
				for _, id := range ids {
					samples[id] = rapid.IntRange(0, 9).Draw(rt, "n")
				}
				m.write(t, rt, mem, samples)
			}
			compare(t, rt, top, models)
		}
	})
}

func compare(t *testing.T, rt *rapid.T, top core.Store, models []*modelStore) {
	t.Helper()
	if !slices.ContainsFunc(models, func(m *modelStore) bool { return m.has }) {
		return
	}
	info, err := top.Stat(t.Context(), core.StatRequest{Key: "f"})
	if err != nil {
		rt.Fatal(err)
	}
	schema, all := merged(models)
	names := []string{}
	for _, f := range schema.Fields() {
		names = append(names, f.Name)
	}
	got := []string{core.ColOrigin}
	for _, f := range info.Schema.Fields() {
		got = append(got, f.Name)
	}
	if d := storetest.Diff(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(got))); d != "" {
		rt.Fatalf("Stat's columns: %s", d)
	}
	columns := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, -1, rapid.ID[string]).Draw(rt, "columns")
	req := core.ReadRequest{Key: "f", Columns: columns}
	want := all
	if rapid.Bool().Draw(rt, "filter") {
		req.Filter = storetest.Filters(schema).Draw(rt, "expr")
		bound, err := expr.Bind(req.Filter, schema)
		if err != nil {
			rt.Fatal(err)
		}
		if want, err = bound.Filter(t.Context(), all, arrowmem.DefaultAllocator); err != nil {
			rt.Fatal(err)
		}
	}
	var expected []string
	for row := range int(want.NumRows()) {
		line := ""
		for _, c := range columns {
			line += " " + c + "=" + cell(want, c, row)
		}
		expected = append(expected, line)
	}
	rows, err := top.Read(t.Context(), req)
	if err != nil {
		rt.Fatalf("read %v where %v: %v", columns, req.Filter, err)
	}
	var found []string
	for b, err := range rows.All() {
		if err != nil {
			rt.Fatal(err)
		}
		for row := range int(b.NumRows()) {
			line := ""
			for _, c := range columns {
				line += " " + c + "=" + cell(b, c, row)
			}
			found = append(found, line)
		}
	}
	slices.SortFunc(expected, cmp.Compare)
	slices.SortFunc(found, cmp.Compare)
	if d := storetest.Diff(expected, found); d != "" {
		rt.Fatalf("read %v where %v: %s", columns, req.Filter, d)
	}
}

// cell prints a value.
func cell(b arrow.RecordBatch, column string, row int) string {
	return storetest.Cell(b.Column(b.Schema().FieldIndices(column)[0]), row)
}
