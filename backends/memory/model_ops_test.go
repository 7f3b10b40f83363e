package memory_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

// rowsOf builds the rows as batches of random sizes.
func rowsOf(t *rapid.T, mem arrowmem.Allocator, shape sentShape, rows []modelRow, tombstones bool) (core.Rows, func()) {
	fields := []arrow.Field{{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64}}
	if !tombstones {
		fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(shape.parts)})
		for _, c := range shape.columns {
			f := arrow.Field{Name: c.name, Type: arrow.PrimitiveTypes.Int32, Nullable: true}
			if c.wide {
				f.Type = arrow.PrimitiveTypes.Int64
			}
			fields = append(fields, f)
		}
	}
	schema := arrow.NewSchema(fields, nil)
	var batches []arrow.RecordBatch
	for from := 0; from < len(rows); {
		to := rapid.IntRange(from, len(rows)).Draw(t, "batch end") // empty batches too
		b := array.NewRecordBuilder(mem, schema)
		for _, r := range rows[from:to] {
			b.Field(0).(*array.Int64Builder).Append(int64(r.id))
			if tombstones {
				continue
			}
			dv := b.Field(1).(*array.StructBuilder)
			dv.Append(true)
			for i, p := range shape.parts {
				dv.FieldBuilder(i).(*array.StringBuilder).Append(r.parts[p])
			}
			for i, v := range r.values {
				switch f := b.Field(2 + i).(type) {
				case *array.Int32Builder:
					f.Append(int32(v))
				case *array.Int64Builder:
					f.Append(int64(v))
				}
			}
		}
		batches = append(batches, b.NewRecordBatch())
		b.Release()
		from = to
	}
	return core.RowsOf(schema, batches...), func() { core.ReleaseAll(batches) }
}

func (m *model) write(t *rapid.T, s core.Store, mem arrowmem.Allocator) {
	parts := rapid.SampledFrom([][]string{{"a"}, {"a", "b"}, {"b"}, {"c", "a"}}).Draw(t, "containers")
	tombstones := len(m.commits) > 0 && rapid.IntRange(0, 3).Draw(t, "kind") == 0
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 12), 0, 8, rapid.ID[int]).Draw(t, "ids")
	seq := int64(len(m.commits) + 1)
	var rows []modelRow
	for _, id := range ids {
		r := modelRow{seq: seq, id: id, dead: tombstones, parts: map[string]string{}}
		for range m.columns {
			r.values = append(r.values, rapid.IntRange(-5, 5).Draw(t, "value"))
		}
		for _, p := range parts {
			r.parts[p] = fmt.Sprint("v", rapid.IntRange(0, 9).Draw(t, "version"))
		}
		rows = append(rows, r)
	}
	shape := sentShape{slices.Clone(m.columns), parts}
	src, release := rowsOf(t, mem, shape, rows, tombstones)
	defer release()
	req := core.WriteRequest{Plan: m.plans[strings.Join(parts, ",")], Rows: src, Tombstones: tombstones}
	if rapid.Bool().Draw(t, "named") {
		req.ID = fmt.Sprint("write-", seq)
	}
	c, err := s.Write(t.Context(), req)
	if err != nil || c.Seq != seq || c.Rows != int64(len(rows)) || c.Tombstones != tombstones || c.FeatureVersion != req.Plan.Version {
		t.Fatalf("write: %+v, %v", c, err)
	}
	if req.ID != "" && !tombstones {
		m.sent[req.ID], m.sentAs[req.ID] = rows, shape
	}
	m.commits = append(m.commits, c)
	m.rows = append(m.rows, rows...)
	if !tombstones {
		grown := false
		for _, p := range parts {
			if !slices.Contains(m.parts, p) {
				m.parts = append(m.parts, p)
				grown = true
			}
		}
		if grown {
			m.version++
		}
	}
}

// repeat sends a write again, as it was or with a change.
func (m *model) repeat(t *rapid.T, s core.Store, mem arrowmem.Allocator) {
	if len(m.sent) == 0 {
		t.Skip("nothing to repeat")
	}
	id := rapid.SampledFrom(slices.Sorted(maps.Keys(m.sent))).Draw(t, "repeat")
	rows, shape := slices.Clone(m.sent[id]), m.sentAs[id]
	changed := len(rows) > 0 && rapid.Bool().Draw(t, "changed")
	if changed {
		rows[0].parts = maps.Clone(rows[0].parts)
		rows[0].parts[shape.parts[0]] += "x"
	}
	src, release := rowsOf(t, mem, shape, rows, false)
	defer release()
	c, err := s.Write(t.Context(), core.WriteRequest{Plan: m.plans[strings.Join(shape.parts, ",")], ID: id, Rows: src})
	if changed != errors.Is(err, core.ErrConflict) || !changed && (err != nil || id != fmt.Sprint("write-", c.Seq)) {
		t.Fatalf("repeating %s, changed %v: %+v, %v", id, changed, c, err)
	}
}

func (m *model) evolve(t *rapid.T, s core.Store) {
	if len(m.commits) == 0 {
		t.Skip("nothing to evolve")
	}
	columns := slices.Clone(m.columns)
	var changes []core.SchemaChange
	for range rapid.IntRange(1, 3).Draw(t, "changes") {
		kind := rapid.SampledFrom([]core.ChangeKind{core.AddColumn, core.RenameColumn, core.WidenColumn}).Draw(t, "kind")
		if len(columns) == 0 {
			kind = core.AddColumn
		}
		name := fmt.Sprintf("c%d_%d", m.version, len(changes))
		if kind == core.AddColumn {
			columns = append(columns, modelColumn{name: name})
			changes = append(changes, core.SchemaChange{Kind: kind, Column: name, Type: arrow.PrimitiveTypes.Int32})
			continue
		}
		at := rapid.IntRange(0, len(columns)-1).Draw(t, "column")
		switch {
		case kind == core.RenameColumn:
			changes = append(changes, core.SchemaChange{Kind: kind, Column: columns[at].name, To: name})
			columns[at].name = name
		case !columns[at].wide:
			changes = append(changes, core.SchemaChange{Kind: kind, Column: columns[at].name, Type: arrow.PrimitiveTypes.Int64})
			columns[at].wide = true
		}
	}
	if len(changes) == 0 {
		t.Skip("everything is wide")
	}
	req := core.EvolveRequest{Key: "f/model", Base: m.version - 1, Changes: changes}
	if _, err := s.Evolve(t.Context(), req); !errors.Is(err, core.ErrConflict) {
		t.Fatalf("a stale base: %v", err)
	}
	req.Base = m.version
	if _, err := s.Evolve(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	m.columns, m.version = columns, m.version+1
}
