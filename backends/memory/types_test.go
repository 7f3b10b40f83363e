package memory_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
)

var manyTypes = []struct {
	name   string
	dt     arrow.DataType
	values string // JSON, three values
}{
	{"null", arrow.Null, `[null,null,null]`},
	{"bool", arrow.FixedWidthTypes.Boolean, `[true,null,false]`},
	{"int8", arrow.PrimitiveTypes.Int8, `[-128,null,127]`},
	{"uint64", arrow.PrimitiveTypes.Uint64, `[0,18446744073709551615,null]`},
	{"float16", arrow.FixedWidthTypes.Float16, `[0.5,null,-2]`},
	{"float64", arrow.PrimitiveTypes.Float64, `[0.1,null,-1e300]`},
	{"decimal128", &arrow.Decimal128Type{Precision: 20, Scale: 2}, `["1.25",null,"-7.50"]`},
	{"decimal256", &arrow.Decimal256Type{Precision: 50, Scale: 2}, `["1.25",null,"-7.50"]`},
	{"date32", arrow.FixedWidthTypes.Date32, `["2024-02-29",null,"1969-12-31"]`},
	{"time64", arrow.FixedWidthTypes.Time64us, `["01:02:03.000004",null,"23:59:59"]`},
	{"timestamp", &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Berlin"}, `["2024-02-29 12:00:00Z",null,"1969-12-31 00:00:00Z"]`},
	{"duration", arrow.FixedWidthTypes.Duration_ms, `["1ms",null,"-5ms"]`},
	{"interval", arrow.FixedWidthTypes.MonthDayNanoInterval, `[{"months":1,"days":2,"nanoseconds":3},null,{"months":-1,"days":0,"nanoseconds":0}]`},
	{"string", arrow.BinaryTypes.String, `["", null, "` + strings.Repeat("long ", 20) + `"]`},
	{"large_string", arrow.BinaryTypes.LargeString, `["é", null, ""]`},
	{"string_view", arrow.BinaryTypes.StringView, `["short", null, "` + strings.Repeat("long ", 20) + `"]`},
	{"binary", arrow.BinaryTypes.Binary, `["AAEC", null, ""]`},
	{"fixed_binary", &arrow.FixedSizeBinaryType{ByteWidth: 2}, `["AAE=", null, "//8="]`},
	{"dictionary", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["a",null,"b"]`},
	{"list", arrow.ListOf(arrow.BinaryTypes.String), `[["a",null],[],null]`},
	{"large_list", arrow.LargeListOf(arrow.PrimitiveTypes.Int32), `[[1],null,[]]`},
	{"list_view", arrow.ListViewOf(arrow.PrimitiveTypes.Int32), `[[1,2],null,[3]]`},
	{"fixed_list", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), `[[1,2],null,[3,4]]`},
	{"map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64), `[[{"key":"k","value":1}],null,[]]`},
	{
		"struct", arrow.StructOf(
			arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
			arrow.Field{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.StringView), Nullable: true},
			arrow.Field{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true}),
		`[{"x":1,"l":["a long enough string",null],"d":"v"},null,{"x":null,"l":null,"d":null}]`,
	},
	{"run_end", arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String), `["a","a","b"]`},
	{"extension", extensions.NewUUIDType(), `["f81d4fae-7dec-11d0-a765-00a0c91e6bf6",null,"f81d4fae-7dec-11d0-a765-00a0c91e6bf7"]`},
}

// typedRows are three rows with one user column.
func typedRows(t *testing.T, mem arrowmem.Allocator, dt arrow.DataType, values string) arrow.RecordBatch {
	t.Helper()
	columns := []arrow.Array{}
	from := func(dt arrow.DataType, json string) {
		arr, _, err := array.FromJSON(mem, dt, strings.NewReader(json))
		if err != nil {
			t.Fatal(err)
		}
		columns = append(columns, arr)
	}
	versions := core.DataVersionType([]string{"default"})
	from(arrow.PrimitiveTypes.Int64, `[1,2,3]`)
	from(dt, values)
	from(versions, `[{"default":"v1"},{"default":"v2"},{"default":"v3"}]`)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "value", Type: dt, Nullable: true},
		{Name: core.ColDataVersion, Type: versions},
	}, nil)
	batch := array.NewRecordBatch(schema, columns, 3)
	for _, c := range columns {
		c.Release()
	}
	return batch
}

// scribble overwrites every byte behind a batch, then releases it.
func scribble(batch arrow.RecordBatch) {
	var over func(arrow.ArrayData)
	over = func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil {
				for i := range b.Bytes() {
					b.Bytes()[i] ^= 0xff
				}
			}
		}
		for _, c := range d.Children() {
			over(c)
		}
		if d.DataType().ID() == arrow.DICTIONARY {
			over(d.Dictionary())
		}
	}
	for _, c := range batch.Columns() {
		over(c.Data())
	}
	batch.Release()
}

func TestEveryTypeIsCopiedAndReadBack(t *testing.T) {
	plan := planOf(t, core.NewFeature("f/types"))
	for _, tc := range manyTypes {
		t.Run(tc.name, func(t *testing.T) {
			mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			s := memory.New(memory.Allocator(mem))

			batch := typedRows(t, mem, tc.dt, tc.values)
			want := typedRows(t, arrowmem.NewGoAllocator(), tc.dt, tc.values)
			defer want.Release()
			if tc.name != "run_end" { // arrow-go reads past the end of a sliced run-end column
				// Three slices in place of one batch.
				a, b := batch.NewSlice(0, 1), batch.NewSlice(1, 3)
				write(t, s, core.WriteRequest{Plan: plan, ID: "one", Rows: core.RowsOf(batch.Schema(), a, b)})
				a.Release()
				b.Release()
			} else {
				write(t, s, core.WriteRequest{Plan: plan, ID: "one", Rows: core.RowsOf(batch.Schema(), batch)})
			}
			scribble(batch)

			got := collect(t, s, core.ReadRequest{Key: plan.Key()})
			if len(got) != 1 || !array.Equal(got[0].Column(1), want.Column(1)) {
				t.Errorf("read %v, wrote %v", got, want)
			}
			core.ReleaseAll(got)

			// The same rows again are the same commit.
			again := write(t, s, core.WriteRequest{Plan: plan, ID: "one", Rows: core.RowsOf(want.Schema(), want)})
			if again.Seq != 1 {
				t.Errorf("the repeated write is commit %d", again.Seq)
			}

			// Replacing the middle row takes the first and the last.
			middle := want.NewSlice(1, 2)
			if tc.name != "run_end" {
				write(t, s, core.WriteRequest{Plan: plan, Rows: core.RowsOf(want.Schema(), middle)})
				got = collect(t, s, core.ReadRequest{Key: plan.Key()})
				if len(got) != 2 || got[0].NumRows() != 2 ||
					got[0].Column(1).ValueStr(0) != want.Column(1).ValueStr(0) || got[0].Column(1).ValueStr(1) != want.Column(1).ValueStr(2) {
					t.Errorf("after replacing a row: %v", got)
				}
				core.ReleaseAll(got)
			}
			middle.Release()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
