package core_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func fieldsOf(fields ...arrow.Field) *arrow.Schema { return arrow.NewSchema(fields, nil) }

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

var (
	text    = arrow.BinaryTypes.String
	whole   = arrow.PrimitiveTypes.Int64
	dictTyp = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
)

// wantInvalid checks that err matches ErrInvalid and has the text; "" wants no
// error.
func wantInvalid(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestWriteCheck(t *testing.T) {
	plan := planOf(t, graphOf(t, raw()), "video/raw")
	versions := field("data_version", core.DataVersionType([]string{"frames", "audio"}))
	id := field("sample_id", text)
	for name, tc := range map[string]struct {
		schema     *arrow.Schema
		tombstones bool
		want       string
	}{
		"good":                  {fieldsOf(id, versions, field("path", text)), false, ""},
		"any order":             {fieldsOf(field("data_version", core.DataVersionType([]string{"audio", "frames"})), id), false, ""},
		"an integer id":         {fieldsOf(field("sample_id", whole), versions), false, ""},
		"an encoded id":         {fieldsOf(field("sample_id", dictTyp), versions), false, ""},
		"encoded versions":      {fieldsOf(id, field("data_version", arrow.StructOf(field("frames", dictTyp), field("audio", arrow.BinaryTypes.StringView)))), false, ""},
		"no schema":             {nil, false, "no schema"},
		"no id":                 {fieldsOf(field("sampleid", text), versions), false, `lack the id column "sample_id"; did you mean "sampleid"?`},
		"a float id":            {fieldsOf(field("sample_id", arrow.PrimitiveTypes.Float64), versions), false, "float64 cannot identify"},
		"a nested id":           {fieldsOf(field("sample_id", arrow.ListOf(text)), versions), false, "cannot identify"},
		"no versions":           {fieldsOf(id), false, `lack the column "data_version"`},
		"versions of text":      {fieldsOf(id, field("data_version", text)), false, "is utf8, want a struct"},
		"a container too few":   {fieldsOf(id, field("data_version", core.DataVersionType([]string{"frames"}))), false, `lacks container "audio"`},
		"a container too many":  {fieldsOf(id, field("data_version", core.DataVersionType([]string{"frames", "audio", "frame"}))), false, `has container "frame"`},
		"a numeric version":     {fieldsOf(id, field("data_version", arrow.StructOf(field("frames", whole), field("audio", text)))), false, `container "frames"`},
		"a reserved column":     {fieldsOf(id, versions, field("metaxy_x", text)), false, `"metaxy_x"`},
		"a column twice":        {fieldsOf(id, versions, id), false, `"sample_id" occurs twice`},
		"a nameless column":     {fieldsOf(id, versions, field("", text)), false, "no name"},
		"tombstones":            {fieldsOf(id), true, ""},
		"tombstones with more":  {fieldsOf(id, versions), true, `"data_version": a tombstone holds the id columns alone`},
		"tombstones without id": {fieldsOf(), true, `lack the id column "sample_id"`},
	} {
		t.Run(name, func(t *testing.T) {
			err := core.WriteRequest{Plan: plan, Rows: core.Rows{Schema: tc.schema}, Tombstones: tc.tombstones}.Check()
			wantInvalid(t, err, tc.want)
		})
	}
	wantInvalid(t, core.WriteRequest{}.Check(), "no plan")
	if (core.WriteRequest{}).Key() != "" || (core.WriteRequest{Plan: plan}).Key() != "video/raw" {
		t.Error("the key of a write")
	}
}

// batchOf reads a batch from JSON.
func batchOf(t *testing.T, schema *arrow.Schema, json string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRowChecker(t *testing.T) {
	plan := planOf(t, graphOf(t, core.NewFeature("a", core.ID("x", "y"))), "a")
	schema := fieldsOf(field("x", text), field("y", whole), field("data_version", core.DataVersionType([]string{"default"})))
	ids := fieldsOf(schema.Fields()[:2]...)
	good := `[{"x":"a","y":1,"data_version":{"default":"v"}},{"x":"secret","y":2,"data_version":{"default":"v"}}]`
	for name, tc := range map[string]struct {
		schema     *arrow.Schema
		batches    []string
		tombstones bool
		want       string
	}{
		"good":                 {schema, []string{good, `[]`}, false, ""},
		"null id":              {schema, []string{good, `[{"x":"a","y":3,"data_version":{"default":"v"}},{"x":"a","data_version":{"default":"v"}}]`}, false, `row 4 has no "y"`},
		"null version":         {schema, []string{`[{"x":"a","y":1}]`}, false, `row 1 has no "data_version"`},
		"null container":       {schema, []string{`[{"x":"a","y":1,"data_version":{}}]`}, false, `row 1: "data_version" has no version of container "default"`},
		"repeated in a batch":  {schema, []string{`[{"x":"secret","y":1,"data_version":{"default":"v"}},{"x":"secret","y":1,"data_version":{"default":"w"}}]`}, false, "rows 1 and 2 have the same id"},
		"repeated in the next": {schema, []string{good, good}, false, "rows 1 and 3 have the same id"},
		"ids that only look alike": {schema, []string{
			`[{"x":"a|1","y":2,"data_version":{"default":"v"}},{"x":"a","y":12,"data_version":{"default":"v"}},{"x":"a\\","y":1,"data_version":{"default":"v"}}]`,
		}, false, ""},
		"tombstones":      {ids, []string{`[{"x":"a","y":1}]`}, true, ""},
		"tombstone twice": {ids, []string{`[{"x":"a","y":1},{"x":"a","y":1}]`}, true, "rows 1 and 2"},
	} {
		t.Run(name, func(t *testing.T) {
			c := core.NewRowChecker(core.WriteRequest{Plan: plan, Rows: core.Rows{Schema: tc.schema}, Tombstones: tc.tombstones}, true)
			var err error
			for _, b := range tc.batches {
				if err = c.Add(batchOf(t, tc.schema, b)); err != nil {
					break
				}
			}
			wantInvalid(t, err, tc.want)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v holds a value", err)
			}
		})
	}
	c := core.NewRowChecker(core.WriteRequest{Plan: plan, Rows: core.Rows{Schema: schema}}, false)
	wantInvalid(t, c.Add(nil), "nil")
	wantInvalid(t, c.Add(batchOf(t, ids, `[]`)), "promised")
	wantInvalid(t, c.Add(batchOf(t, schema, good)), "")
	wantInvalid(t, c.Add(batchOf(t, schema, good)), "") // duplicates are found elsewhere
}

func TestMatchSchema(t *testing.T) {
	stored := fieldsOf(field("a", text), field("b", whole), field("data_version", core.DataVersionType([]string{"x"})))
	grown := field("data_version", core.DataVersionType([]string{"y"}))
	from, err := core.MatchSchema(stored, fieldsOf(grown, stored.Field(1), stored.Field(0)))
	if err != nil || !slices.Equal(from, []int{2, 1, 0}) {
		t.Errorf("%v, %v", from, err)
	}
	for want, rows := range map[string]*arrow.Schema{
		`column "bb" is new: add it with Evolve first; did you mean "b"?`: fieldsOf(stored.Field(0), field("bb", whole), grown),
		`lack the column "b" (int64)`:                                     fieldsOf(stored.Field(0), grown),
		`column "b" is int32, the feature holds int64`:                    fieldsOf(stored.Field(0), field("b", arrow.PrimitiveTypes.Int32), grown),
	} {
		_, err := core.MatchSchema(stored, rows)
		wantInvalid(t, err, want)
	}
}

func TestReadCheckAndBind(t *testing.T) {
	info := core.Info{
		Key: "video/raw", Generation: 3, ID: []string{"id"},
		Schema: fieldsOf(arrow.Field{Name: "id", Type: whole}, arrow.Field{Name: "region", Type: text}, field("data_version", core.DataVersionType([]string{"frames"}))),
	}
	id, region := expr.Col("id").Gt(1), expr.Col("region").Eq("x")
	for name, tc := range map[string]struct {
		req  core.ReadRequest
		want string // of the error
	}{
		"zero":                {core.ReadRequest{}, "empty feature key"},
		"everything":          {core.ReadRequest{Key: "video/raw"}, ""},
		"a negative commit":   {core.ReadRequest{Key: "video/raw", AsOf: core.AtCommit(-1)}, "numbered from 1"},
		"commit and time":     {core.ReadRequest{Key: "video/raw", AsOf: core.AsOf{Seq: 1, Time: time.Unix(1, 0)}}, "choose one"},
		"the last commit":     {core.ReadRequest{Key: "video/raw", AsOf: core.AtCommit(3)}, ""},
		"beyond the last":     {core.ReadRequest{Key: "video/raw", AsOf: core.AtCommit(4)}, "as of commit 4: the last is 3"},
		"an unknown column":   {core.ReadRequest{Key: "video/raw", Columns: []string{"id", "regoin"}}, `no column "regoin"; did you mean "region"?`},
		"a column twice":      {core.ReadRequest{Key: "video/raw", Columns: []string{"id", "region", "id"}}, `"id" is asked for twice`},
		"an unknown filter":   {core.ReadRequest{Key: "video/raw", Filter: expr.Col("regoin").Eq("secret")}, `did you mean "region"?`},
		"a filter's type":     {core.ReadRequest{Key: "video/raw", Filter: expr.Col("id").Eq("secret")}, "filter"},
		"a container":         {core.ReadRequest{Key: "video/raw", Filter: expr.Col("data_version.frames").Eq("x")}, ""},
		"an unknown one":      {core.ReadRequest{Key: "video/raw", Filter: expr.Col("data_version.frame").Eq("x")}, "frame"},
		"a column of no name": {core.ReadRequest{Key: "video/raw", Columns: []string{""}}, `no column ""`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.req.Check()
			if err == nil {
				_, err = tc.req.Bind(info)
			}
			wantInvalid(t, err, tc.want)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v holds a literal", err)
			}
		})
	}
	p, err := core.ReadRequest{Key: "video/raw", Columns: []string{"metaxy_commit", "region"}, Filter: expr.And(region, id, expr.Col("metaxy_deleted").Eq(false))}.Bind(info)
	if err != nil {
		t.Fatal(err)
	}
	if p.Schema.NumFields() != 2 || p.Schema.Field(0).Name != "metaxy_commit" || p.All.NumFields() != 3+len(core.SystemFields()) {
		t.Errorf("%v", p.Schema)
	}
	if !expr.Equal(p.IDFilter, id) || !expr.Equal(p.RowFilter, expr.And(region, expr.Col("metaxy_deleted").Eq(false))) {
		t.Errorf("by id %v, by row %v", p.IDFilter, p.RowFilter)
	}
	if p, err = (core.ReadRequest{Key: "video/raw", Columns: []string{}}).Bind(info); err != nil || p.Schema.NumFields() != 0 {
		t.Errorf("%v, %v", p.Schema, err)
	}
	if p, err = (core.ReadRequest{Key: "video/raw", History: true}).Bind(info); err != nil || p.Schema.Field(0).Nullable || !p.Schema.Field(1).Nullable {
		t.Errorf("%v, %v", p.Schema, err)
	}
	wantInvalid(t, core.StatRequest{Key: "a", Commits: -2}.Check(), "ask for -1")
	wantInvalid(t, core.StatRequest{Key: "a", Commits: -1}.Check(), "")
	wantInvalid(t, core.StatRequest{}.Check(), "empty feature key")
}

func TestResolveCheck(t *testing.T) {
	g := graphOf(t, raw(), core.NewFeature("video/crop", core.DependsOn("video/raw")))
	root, crop := planOf(t, g, "video/raw"), planOf(t, g, "video/crop")
	samples := core.Rows{Schema: fieldsOf(field("sample_id", text), field("path", text), field("data_version", core.DataVersionType([]string{"frames", "audio"})))}
	for name, tc := range map[string]struct {
		req  core.ResolveRequest
		want string
	}{
		"zero":              {core.ResolveRequest{}, "no plan"},
		"a root":            {core.ResolveRequest{Plan: root, Samples: samples, Columns: []string{"path"}}, ""},
		"a bare root":       {core.ResolveRequest{Plan: root}, "Samples must say"},
		"bad samples":       {core.ResolveRequest{Plan: root, Samples: core.Rows{Schema: fieldsOf(field("sample_id", text))}}, "data_version"},
		"samples elsewhere": {core.ResolveRequest{Plan: crop, Samples: samples}, "Samples are for root features"},
		"no root":           {core.ResolveRequest{Plan: crop, Filter: expr.Col("sample_id").Gt("x")}, ""},
		"a column twice":    {core.ResolveRequest{Plan: crop, Columns: []string{"path", "path"}}, "asked for twice"},
		"an id":             {core.ResolveRequest{Plan: crop, Columns: []string{"sample_id"}}, "always there"},
		"a filter":          {core.ResolveRequest{Plan: crop, Filter: expr.Col("path").Eq("x")}, `[sample_id] alone, not by "path"`},
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, tc.req.Check(), tc.want) })
	}
}

func TestEvolveCheckAndApply(t *testing.T) {
	info := core.Info{ID: []string{"id"}, Schema: fieldsOf(field("id", whole), field("n", arrow.PrimitiveTypes.Int32), field("data_version", core.DataVersionType([]string{"x"})))}
	add := func(name string, dt arrow.DataType) core.SchemaChange {
		return core.SchemaChange{Kind: core.AddColumn, Column: name, Type: dt}
	}
	widen := func(name string, dt arrow.DataType) core.SchemaChange {
		return core.SchemaChange{Kind: core.WidenColumn, Column: name, Type: dt}
	}
	rename := func(name, to string) core.SchemaChange {
		return core.SchemaChange{Kind: core.RenameColumn, Column: name, To: to}
	}
	for name, tc := range map[string]struct {
		changes []core.SchemaChange
		want    string
	}{
		"nothing":             {nil, "no changes"},
		"add":                 {[]core.SchemaChange{add("m", text)}, ""},
		"add what is there":   {[]core.SchemaChange{add("n", text)}, "there already"},
		"add no type":         {[]core.SchemaChange{add("m", nil)}, "type is missing"},
		"add a system column": {[]core.SchemaChange{add("metaxy_m", text)}, "do not change"},
		"add no name":         {[]core.SchemaChange{add("", text)}, "do not change"},
		"widen":               {[]core.SchemaChange{widen("n", whole)}, ""},
		"narrow":              {[]core.SchemaChange{widen("n", arrow.PrimitiveTypes.Int16)}, "not every int32 is a int16"},
		"widen an id":         {[]core.SchemaChange{widen("id", whole)}, "do not change"},
		"widen a stranger":    {[]core.SchemaChange{widen("nn", whole)}, `no such column; did you mean "n"?`},
		"rename":              {[]core.SchemaChange{rename("n", "m")}, ""},
		"rename to an id":     {[]core.SchemaChange{rename("n", "id")}, `"id" is taken`},
		"rename to itself":    {[]core.SchemaChange{rename("n", "n")}, "is taken"},
		"rename to a system":  {[]core.SchemaChange{rename("n", "metaxy_n")}, "not allowed"},
		"rename to nothing":   {[]core.SchemaChange{rename("n", "")}, "not allowed"},
		"rename the versions": {[]core.SchemaChange{rename("data_version", "v")}, "do not change"},
		"unknown":             {[]core.SchemaChange{{Kind: 64, Column: "n", Type: text}}, "unknown kind"},
		"one after another":   {[]core.SchemaChange{rename("n", "m"), widen("m", whole), add("n", text), rename("n", "o")}, ""},
		"the last is bad":     {[]core.SchemaChange{rename("n", "m"), widen("n", whole)}, "no such column"},
	} {
		t.Run(name, func(t *testing.T) {
			before := info.Schema.String()
			req := core.EvolveRequest{Key: "a", Changes: tc.changes}
			err := req.Check()
			if err == nil {
				_, err = req.Apply(info)
			}
			wantInvalid(t, err, tc.want)
			if info.Schema.String() != before {
				t.Error("the old schema has changed")
			}
		})
	}
	got, err := core.EvolveRequest{Changes: []core.SchemaChange{rename("n", "m"), widen("m", whole), add("n", text)}}.Apply(info)
	if err != nil || !slices.Equal(names(got), []string{"id", "m", "data_version", "n"}) || got.Field(1).Type != whole || !got.Field(3).Nullable {
		t.Errorf("%v, %v", got, err)
	}
	wantInvalid(t, core.EvolveRequest{Changes: []core.SchemaChange{add("m", text)}}.Check(), "empty feature key")
}

func names(s *arrow.Schema) (out []string) {
	for _, f := range s.Fields() {
		out = append(out, f.Name)
	}
	return out
}

// TestWidensIsExact compares Widens of the numbers with what it claims: every
// value of one is exactly a value of the other.
func TestWidensIsExact(t *testing.T) {
	type number struct {
		dt     arrow.DataType
		bits   int // of the integers that it holds exactly
		signed bool
		float  bool
	}
	numbers := []number{
		{arrow.PrimitiveTypes.Int8, 7, true, false},
		{arrow.PrimitiveTypes.Int16, 15, true, false},
		{arrow.PrimitiveTypes.Int32, 31, true, false},
		{arrow.PrimitiveTypes.Int64, 63, true, false},
		{arrow.PrimitiveTypes.Uint8, 8, false, false},
		{arrow.PrimitiveTypes.Uint16, 16, false, false},
		{arrow.PrimitiveTypes.Uint32, 32, false, false},
		{arrow.PrimitiveTypes.Uint64, 64, false, false},
		{arrow.PrimitiveTypes.Float32, 24, true, true},
		{arrow.PrimitiveTypes.Float64, 53, true, true},
	}
	for _, a := range numbers {
		for _, b := range numbers {
			want := a != b && a.bits <= b.bits && (!a.signed || b.signed) && (!a.float || b.float)
			if got := core.Widens(a.dt, b.dt); got != want {
				t.Errorf("%s to %s: %v", a.dt, b.dt, got)
			}
		}
	}
	if !core.Widens(arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString) || core.Widens(arrow.BinaryTypes.LargeString, arrow.BinaryTypes.String) ||
		core.Widens(arrow.BinaryTypes.String, arrow.BinaryTypes.LargeBinary) || core.Widens(arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8) {
		t.Error("texts")
	}
}
