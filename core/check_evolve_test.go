package core_test

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

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
