package storetest

import (
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

func evolveProperties() []property {
	return []property{
		{code: "E1", name: "new_column_reads_null_in_old_commits", run: e1, needs: nil, why: "a column that was added later has no value in older rows"},
		{code: "E2", name: "widening_keeps_values", run: e2, why: "a wider type must hold exactly what the narrow one held"},
		{code: "E3", name: "rename_keeps_values_and_history", run: e3, why: "a new name is not new data"},
		{code: "E4", name: "refused_change_leaves_the_schema", run: e4, why: "a migration happens as a whole or not at all"},
		{code: "E5", name: "stale_base_is_conflict", run: e5, why: "two people who migrate at once must not undo each other"},
		{code: "E6", name: "one_of_two_racing_evolves_wins", run: e6, why: "a race must have one winner and one ErrConflict"},
	}
}

// can skips the property when the store does not claim the kind of change; K3
// checks that it then says ErrUnsupported.
func (e *env) can(s core.Store, kind core.ChangeKind) {
	e.Helper()
	if s.Capabilities().Evolve&kind == 0 {
		e.Skipf("the store does not claim to %s columns (K3 checks its refusal)", kind)
	}
}

func (e *env) evolve(s core.Store, base int, changes ...core.SchemaChange) core.Info {
	e.Helper()
	info, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: base, Changes: changes})
	if err != nil {
		e.Fatalf("evolve: %v", err)
	}
	if info.SchemaVersion != base+1 {
		e.Errorf("evolve from schema version %d gives %d, want %d", base, info.SchemaVersion, base+1)
	}
	if stat := e.stat(s, KeyVideo); infoLine(stat) != infoLine(info) {
		e.Errorf("evolve answers %s, stat then says %s", infoLine(info), infoLine(stat))
	}
	return info
}

// small writes rows of three numeric columns to video/raw.
func small(e *env, s core.Store, fields []arrow.Field, rows ...[]any) error {
	e.Helper()
	schema := arrow.NewSchema(append(append([]arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}, fields...),
		arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"frames", "audio"})}), nil)
	for i, r := range rows {
		rows[i] = append(append([]any{}, r...), []any{"f", "a"})
	}
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(schema, rows...)})
	return err
}

var (
	numbers = []arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true}, {Name: "f", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	}
	addNote = core.SchemaChange{Kind: core.AddColumn, Column: "note", Type: arrow.BinaryTypes.String}
)

func e1(e *env) {
	s := e.store()
	e.can(s, core.AddColumn)
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}, []any{"b", nil, 2.5}))
	e.evolve(s, 1, addNote)
	e.same("old rows", []string{`sample_id="a" n=1 note=null`, `sample_id="b" n=null note=null`},
		e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id", "n", "note"}}))
	wider := append(append([]arrow.Field{}, numbers...), arrow.Field{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true})
	e.must("a write with the new column", small(e, s, wider, []any{"b", 2, 2.5, "new"}))
	e.is("a write without the new column", small(e, s, numbers, []any{"c", 3, 3.5}), core.ErrInvalid)
	e.same("all rows", []string{`sample_id="a" note=null`, `sample_id="b" note="new"`}, e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id", "note"}}))
	e.same("a filter on the new column", []string{"a"}, e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: mustParse(`note IS NULL`)}))
	e.same("the new column as of before it", []string{`note=null`, `note=null`},
		e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{"note"}, AsOf: core.AtCommit(1)}))
	nested := arrow.StructOf(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true})
	e.evolve(s, 2, core.SchemaChange{Kind: core.AddColumn, Column: "deep", Type: nested})
	e.same("a nested new column", []string{`deep=null`, `deep=null`}, e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{"deep"}}))
}

func e2(e *env) {
	s := e.store()
	e.can(s, core.WidenColumn)
	e.must("first write", small(e, s, numbers, []any{"a", -1 << 31, 0.1}, []any{"b", 1<<31 - 1, nil}, []any{"c", nil, -2.5}))
	e.evolve(s, 1, core.SchemaChange{Kind: core.WidenColumn, Column: "n", Type: arrow.PrimitiveTypes.Int64},
		core.SchemaChange{Kind: core.WidenColumn, Column: "f", Type: arrow.PrimitiveTypes.Float64})
	wide := []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}
	e.must("a write of the wider type", small(e, s, wide, []any{"d", int64(1) << 40, 1e300}))
	e.is("a write of the narrow type", small(e, s, numbers, []any{"e", 1, 1}), core.ErrInvalid)
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Columns: []string{"n", "f"}})
	if err != nil {
		e.Fatal(err)
	}
	if !core.SameColumns(rows.Schema, arrow.NewSchema(wide, nil)) {
		e.Errorf("after widening a read gives %v", rows.Schema.Fields())
	}
	e.same("values after widening", []string{
		fmt.Sprintf("n=-2147483648 f=%v", float64(float32(0.1))), "n=1099511627776 f=1e+300", "n=2147483647 f=null", "n=null f=-2.5",
	}, e.lines("read", rows))
	e.same("a filter beyond the narrow type", []string{"d"}, e.ids(s, core.ReadRequest{Key: KeyVideo, Filter: mustParse(`n > 2147483647`)}))
}

func e3(e *env) {
	s := e.store()
	e.can(s, core.RenameColumn)
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}))
	e.must("second write", small(e, s, numbers, []any{"a", 2, 2.5}, []any{"b", 3, 3.5}))
	e.evolve(s, 1, core.SchemaChange{Kind: core.RenameColumn, Column: "n", To: "frames"})
	columns := []string{"sample_id", "frames", core.ColCommit}
	e.same("values by the new name", []string{`sample_id="a" frames=2 metaxy_commit=2`, `sample_id="b" frames=3 metaxy_commit=2`},
		e.read(s, core.ReadRequest{Key: KeyVideo, Columns: columns}))
	e.same("the past by the new name", []string{`sample_id="a" frames=1 metaxy_commit=1`}, e.read(s, core.ReadRequest{Key: KeyVideo, Columns: columns, AsOf: core.AtCommit(1)}))
	if n := len(e.read(s, core.ReadRequest{Key: KeyVideo, History: true})); n != 3 {
		e.Errorf("history after a rename holds %d rows, want 3", n)
	}
	_, err := s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo, Columns: []string{"n"}})
	e.is("a read by the old name", err, core.ErrInvalid)
	// The old name is free again, and is not the old column.
	if s.Capabilities().Evolve&core.AddColumn != 0 {
		e.evolve(s, 2, core.SchemaChange{Kind: core.AddColumn, Column: "n", Type: arrow.BinaryTypes.String})
		e.same("a new column of the old name", []string{`n=null frames=2`, `n=null frames=3`}, e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{"n", "frames"}}))
	}
}

func e4(e *env) {
	s := e.store()
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}))
	before, rows := infoLine(e.stat(s, KeyVideo)), e.read(s, core.ReadRequest{Key: KeyVideo})
	for what, changes := range map[string][]core.SchemaChange{
		"no change":                        nil,
		"a column that is there":           {{Kind: core.AddColumn, Column: "n", Type: arrow.PrimitiveTypes.Int64}},
		"a column without a type":          {{Kind: core.AddColumn, Column: "x"}},
		"a reserved column":                {{Kind: core.AddColumn, Column: "metaxy_x", Type: arrow.PrimitiveTypes.Int64}},
		"a column without a name":          {{Kind: core.AddColumn, Type: arrow.PrimitiveTypes.Int64}},
		"a narrowing":                      {{Kind: core.WidenColumn, Column: "n", Type: arrow.PrimitiveTypes.Int16}},
		"a widening that loses values":     {{Kind: core.WidenColumn, Column: "n", Type: arrow.PrimitiveTypes.Float32}},
		"a widening of nothing":            {{Kind: core.WidenColumn, Column: "nope", Type: arrow.PrimitiveTypes.Int64}},
		"an id column":                     {{Kind: core.RenameColumn, Column: "sample_id", To: "id"}},
		"the data version":                 {{Kind: core.RenameColumn, Column: core.ColDataVersion, To: "v"}},
		"a name that is taken":             {{Kind: core.RenameColumn, Column: "n", To: "f"}},
		"a name that is reserved":          {{Kind: core.RenameColumn, Column: "n", To: "metaxy_commit"}},
		"an unknown kind":                  {{Kind: 64, Column: "n"}},
		"a good change before a bad one":   {addNote, {Kind: core.WidenColumn, Column: "nope", Type: arrow.PrimitiveTypes.Int64}},
		"the same column added by halves":  {addNote, addNote},
		"a rename of what is renamed away": {{Kind: core.RenameColumn, Column: "n", To: "m"}, {Kind: core.WidenColumn, Column: "n", Type: arrow.PrimitiveTypes.Int64}},
	} {
		_, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: 1, Changes: changes})
		if got := sentinelOf(err); got != core.ErrInvalid.Error() && got != core.ErrUnsupported.Error() {
			e.Errorf("evolve with %s gave %v, want ErrInvalid", what, err)
		}
	}
	if after := infoLine(e.stat(s, KeyVideo)); after != before {
		e.Errorf("after refused changes stat says %s, before %s", after, before)
	}
	e.same("rows after refused changes", rows, e.read(s, core.ReadRequest{Key: KeyVideo}))
	e.must("a write of the old schema", small(e, s, numbers, []any{"b", 1, 1.5}))
}

func e5(e *env) {
	s := e.store()
	e.can(s, core.AddColumn)
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}))
	e.evolve(s, 1, addNote)
	for _, base := range []int{0, 1, 3, -1} {
		_, err := s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: base, Changes: []core.SchemaChange{
			{Kind: core.AddColumn, Column: "more", Type: arrow.BinaryTypes.String},
		}})
		e.is(fmt.Sprintf("evolve from base %d of a schema at version 2", base), err, core.ErrConflict)
	}
	if v := e.stat(s, KeyVideo).SchemaVersion; v != 2 {
		e.Errorf("after conflicts the schema version is %d, want 2", v)
	}
}

func e6(e *env) {
	s := e.store()
	e.can(s, core.AddColumn)
	e.must("first write", small(e, s, numbers, []any{"a", 1, 1.5}))
	for round := range 5 {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: round + 1, Changes: []core.SchemaChange{
					{Kind: core.AddColumn, Column: fmt.Sprintf("r%d_%d", round, i), Type: arrow.BinaryTypes.String},
				}})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			e.is("an evolve that lost the race", err, core.ErrConflict)
		}
		info := e.stat(s, KeyVideo)
		if won != 1 || info.SchemaVersion != round+2 || info.Schema.NumFields() != 4+round+1 {
			e.Fatalf("round %d: %d of 4 won, schema version %d with %d columns; want 1, %d, %d", round, won, info.SchemaVersion, info.Schema.NumFields(), round+2, 5+round)
		}
	}
}

// must fails the property with what was tried.
func (e *env) must(what string, err error) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}
