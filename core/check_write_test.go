package core_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

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
