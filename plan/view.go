package plan

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// view is what a feature will look like: what it holds, minus the orphans, with
// fresh versions for what is stale, and the new samples.
type view struct {
	plan     *core.Plan
	info     core.Info // made up when nothing is held
	stored   bool      // the store has it, here or in a leg
	held     bool      // what is held counts
	invented bool      // info is made up
	blocked  string
	atLeast  bool

	fresh    core.Rows                     // of new samples
	newRows  int64                         //
	carries  []string                      // the user columns that fresh has
	stale    map[string][]string           // resolve key → versions by container, in the plan's order
	orphaned map[string]struct{}           // ids
	redo     map[string]struct{}           // ids of held samples that row-level versions recompute
	bySeq    map[int64]map[string]struct{} // memo of writtenSince
}

// clean reports whether the feature will look as it does.
func (v *view) clean() bool {
	return !v.invented && v.newRows == 0 && len(v.stale) == 0 && len(v.orphaned) == 0
}

// reason is why the feature is blocked, as a clause.
func (v *view) reason() string {
	if v.held || v.plan.Root() {
		return v.blocked
	}
	return "is blocked: it " + v.blocked
}

// take keeps an increment.
func (v *view) take(inc core.Increment) error {
	v.stale, v.orphaned = map[string][]string{}, map[string]struct{}{}
	names := v.plan.ContainerNames()
	var buf []byte
	for b, err := range inc.Stale.All() {
		if err != nil {
			return err
		}
		ids, err := ident.Bind(b, v.plan.ResolveKey)
		if err != nil {
			return err
		}
		versions, err := bindVersions(b, names)
		if err != nil {
			return err
		}
		for row := range ids.Rows() {
			buf = ids.AppendText(buf[:0], row)
			v.stale[string(buf)] = versions(row)
		}
	}
	if err := eachID(inc.Orphaned, v.plan.Feature.ID, func(id string) { v.orphaned[id] = struct{}{} }); err != nil {
		return err
	}
	if inc.Stats.New > 0 && !v.plan.Expands() {
		v.fresh, v.newRows = inc.New, inc.Stats.New
		for _, f := range inc.New.Schema.Fields() {
			if !slices.Contains(v.plan.Feature.ID, f.Name) && f.Name != core.ColDataVersion {
				v.carries = append(v.carries, f.Name)
			}
		}
	}
	if !v.held {
		v.invent(inc.New.Schema)
	}
	return nil
}

// invent describes a feature that holds nothing yet.
func (v *view) invent(schema *arrow.Schema) {
	v.invented = true
	v.info = core.Info{Key: v.plan.Key(), Schema: schema, SchemaVersion: 1, ID: v.plan.Feature.ID, Containers: v.plan.ContainerNames(), Rows: v.newRows}
	if !v.plan.Expands() {
		return
	}
	// The ids of children are not known; their types do not matter, since there
	// are none.
	fields := slices.Clone(schema.Fields())
	for _, id := range v.plan.Feature.ID {
		if !schema.HasField(id) {
			fields = append(fields, arrow.Field{Name: id, Type: arrow.BinaryTypes.String})
		}
	}
	v.info.Schema = arrow.NewSchema(fields, nil)
}

// eachID visits the canonical texts of the rows' ids.
func eachID(rows core.Rows, columns []string, visit func(id string)) error {
	var buf []byte
	for b, err := range rows.All() {
		if err != nil {
			return err
		}
		ids, err := ident.Bind(b, columns)
		if err != nil {
			return err
		}
		for row := range ids.Rows() {
			buf = ids.AppendText(buf[:0], row)
			visit(string(buf))
		}
	}
	return nil
}

// bindVersions gives a function that reads a row's versions in the order of
// names; one that is not there is empty.
func bindVersions(b arrow.RecordBatch, names []string) (func(row int) []string, error) {
	at := b.Schema().FieldIndices(core.ColDataVersion)
	if len(at) != 1 {
		return nil, invalidf("the rows lack the column %q", core.ColDataVersion)
	}
	dv, ok := b.Column(at[0]).(*array.Struct)
	if !ok {
		return nil, invalidf("column %q is not a struct", core.ColDataVersion)
	}
	texts := make([]func(int) string, len(names))
	for i, n := range names {
		texts[i] = func(int) string { return "" }
		if j, ok := dv.DataType().(*arrow.StructType).FieldIdx(n); ok {
			texts[i] = text(dv.Field(j))
		}
	}
	return func(row int) []string {
		out := make([]string, len(names))
		for i, f := range texts {
			if !dv.IsNull(row) {
				out[i] = f(row)
			}
		}
		return out
	}, nil
}

// text reads a string column of any encoding; null is empty.
func text(a arrow.Array) func(int) string {
	value := a.ValueStr
	switch a := a.(type) {
	case *array.String:
		value = a.Value
	case *array.LargeString:
		value = a.Value
	case *array.StringView:
		value = a.Value
	case *array.Dictionary:
		inner := text(a.Dictionary())
		value = func(row int) string { return inner(a.GetValueIndex(row)) }
	}
	return func(row int) string {
		if a.IsNull(row) {
			return ""
		}
		return value(row)
	}
}

// union adds b to a, which may be nil.
func union(a, b map[string]struct{}) map[string]struct{} {
	if a == nil {
		a = map[string]struct{}{}
	}
	maps.Copy(a, b)
	return a
}
