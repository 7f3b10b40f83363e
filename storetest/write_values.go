package storetest

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// w1 writes each type alone, so that a failure names it, then all of them.
func w1(e *env) {
	for what := range e.cfg.Types {
		if _, ok := typeCases()[what]; !ok {
			e.Errorf("Types names %q, which is no type; see TypeNames", what)
		}
	}
	s := e.store()
	for _, name := range TypeNames() {
		c := typeCases()[name]
		key := "types/" + name
		g, err := core.NewGraph(core.NewFeature(key))
		if err != nil {
			e.Fatal(err)
		}
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "sample_id", Type: arrow.BinaryTypes.String},
			{Name: "value", Type: c.Type, Nullable: true},
			{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})},
		}, nil)
		var rows [][]any
		for i, v := range append([]any{nil}, c.Values...) {
			rows = append(rows, []any{sampleID(i), v, []any{"v"}})
		}
		want := e.rows(schema, rows...)
		_, err = s.Write(e.ctx(), core.WriteRequest{Plan: planIn(g, core.FeatureKey(key)), Rows: want})
		if reason, ok := e.cfg.Types[name]; ok {
			if s := sentinelOf(err); s != core.ErrUnsupported.Error() && s != core.ErrInvalid.Error() {
				e.Errorf("type %s: declared as not kept (%s); writing it gave %v", name, reason, err)
			}
			continue
		}
		if err != nil {
			e.Errorf("type %s: write: %v", name, err)
			continue
		}
		got, err := s.Read(e.ctx(), core.ReadRequest{Key: core.FeatureKey(key)})
		if err != nil {
			e.Errorf("type %s: read: %v", name, err)
			continue
		}
		if !core.SameColumns(schema, got.Schema) {
			e.Errorf("type %s: read gives %v", name, got.Schema.Field(1).Type)
		}
		for b, err := range got.Batches {
			if err == nil && !core.SameColumns(b.Schema(), got.Schema) {
				e.Errorf("type %s: a batch has %v, the rows promise %v", name, b.Schema().Fields(), got.Schema.Fields())
			}
			break
		}
		got, _ = s.Read(e.ctx(), core.ReadRequest{Key: core.FeatureKey(key)})
		e.same("type "+name, e.lines("source", want), e.lines("read", got))
	}
	w1Slices(e, s)
}

// w1Slices writes batches that are slices of longer ones: offsets are a usual
// place for mistakes.
func w1Slices(e *env, s core.Store) {
	all := Batch(e.mem, VideoSchema(), videos(0, 40)...)
	defer all.Release()
	part := all.NewSlice(7, 29)
	defer part.Release()
	empty := all.NewSlice(3, 3)
	defer empty.Release()
	rows := core.RowsOf(VideoSchema(), empty, part, empty)
	e.write(s, core.WriteRequest{Plan: plan(KeyVideo), Rows: rows})
	e.same("rows of a sliced batch", e.lines("source", rows), e.read(s, core.ReadRequest{Key: KeyVideo}))
}

// scribble fills every buffer of a batch, as a caller does who reuses memory.
func scribble(a arrow.ArrayData) {
	for _, b := range a.Buffers() {
		if b != nil {
			for i := range b.Bytes() {
				b.Bytes()[i] = 0xA5
			}
		}
	}
	for _, c := range a.Children() {
		scribble(c)
	}
	if a.DataType().ID() == arrow.DICTIONARY {
		scribble(a.Dictionary())
	}
}

func w9(e *env) {
	s := e.store()
	for _, id := range []string{"", "job"} {
		// The batch is given away after each step, then overwritten.
		var kept []arrow.RecordBatch
		source := func(yield func(arrow.RecordBatch, error) bool) {
			for i := range 3 {
				b := Batch(e.mem, VideoSchema(), videos(10*i, 10*i+4)...)
				before := BatchLines(b)
				if !yield(b, nil) {
					b.Release()
					return
				}
				if d := Diff(before, BatchLines(b)); d != "" {
					e.Errorf("the store changed the caller's batch: %s", d)
				}
				kept = append(kept, b)
			}
		}
		e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: id, Rows: core.Rows{Schema: VideoSchema(), Batches: source}})
		want := e.read(s, core.ReadRequest{Key: KeyVideo})
		for _, b := range kept {
			for _, c := range b.Columns() {
				scribble(c.Data())
			}
			b.Release()
		}
		e.same("rows after the caller reused its memory", want, e.read(s, core.ReadRequest{Key: KeyVideo}))
		if len(want) != 12 {
			e.Errorf("read gives %d rows, want 12", len(want))
		}
	}
}

func w12(e *env) {
	s := e.store()
	id := arrow.Field{Name: "sample_id", Type: arrow.BinaryTypes.String}
	dv := func(t arrow.DataType) *arrow.Schema {
		return arrow.NewSchema([]arrow.Field{id, {Name: core.ColDataVersion, Type: t, Nullable: true}}, nil)
	}
	numbers := arrow.StructOf(arrow.Field{Name: "frames", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "audio", Type: arrow.BinaryTypes.String})
	for what, bad := range map[string]struct {
		schema *arrow.Schema
		row    []any
	}{
		"no data_version":                {idSchema("sample_id"), []any{"x"}},
		"data_version that is no struct": {dv(arrow.BinaryTypes.String), []any{"x", "v"}},
		"a container too many":           {dv(core.DataVersionType([]string{"frames", "audio", "text"})), []any{"x", []any{"f", "a", "t"}}},
		"a container too few":            {dv(core.DataVersionType([]string{"frames"})), []any{"x", []any{"f"}}},
		"a container of another name":    {dv(core.DataVersionType([]string{"frames", "sound"})), []any{"x", []any{"f", "a"}}},
		"a container of numbers":         {dv(numbers), []any{"x", []any{1, "a"}}},
		"a null data_version":            {dv(core.DataVersionType([]string{"frames", "audio"})), []any{"x", nil}},
		"a null container":               {dv(core.DataVersionType([]string{"frames", "audio"})), []any{"x", []any{"f", nil}}},
	} {
		for _, id := range []string{"", "job"} {
			_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), ID: id, Rows: e.rows(bad.schema, bad.row)})
			e.is("a write with "+what, err, core.ErrInvalid)
			e.absent(s, KeyVideo)
		}
	}
	w12Grow(e)
}

// w12Grow: the spec gains a container, then loses one. Old rows read null there.
func w12Grow(e *env) {
	s := e.store()
	write := func(id string, containers ...string) {
		opts := []core.FeatureOption{}
		version := make([]any, len(containers))
		for i, c := range containers {
			opts, version[i] = append(opts, core.Container(c)), c+"-"+id
		}
		g, err := core.NewGraph(core.NewFeature("grow", opts...))
		if err != nil {
			e.Fatal(err)
		}
		e.write(s, core.WriteRequest{Plan: planIn(g, "grow"), Rows: e.rows(versionSchema([]string{"sample_id"}, containers...), []any{id, version})})
	}
	write("s1", "a")
	write("s2", "b", "a")
	write("s3", "b")
	e.same("rows under three sets of containers", []string{
		`sample_id="s1" data_version={a:"a-s1",b:null}`,
		`sample_id="s2" data_version={a:"a-s2",b:"b-s2"}`,
		`sample_id="s3" data_version={a:null,b:"b-s3"}`,
	}, e.read(s, core.ReadRequest{Key: "grow"}))
	info := e.stat(s, "grow")
	if !slices.Equal(info.Containers, []string{"a", "b"}) || info.SchemaVersion != 2 {
		e.Errorf("containers %v at schema version %d, want [a b] at 2", info.Containers, info.SchemaVersion)
	}
}
