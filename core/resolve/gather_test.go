package resolve

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

// everyType has columns in JSON that its builder understands.
var everyType = map[arrow.DataType]string{
	arrow.FixedWidthTypes.Boolean:                                    `[true, null, false, true]`,
	arrow.PrimitiveTypes.Int8:                                        `[1, null, -3, 4]`,
	arrow.PrimitiveTypes.Uint16:                                      `[1, null, 3, 4]`,
	arrow.PrimitiveTypes.Float32:                                     `[1.5, null, -3, 4]`,
	arrow.PrimitiveTypes.Int64:                                       `[1, 2, 3, 4]`,
	arrow.BinaryTypes.String:                                         `["a", null, "", "a longer text"]`,
	arrow.BinaryTypes.LargeString:                                    `["a", null, "", "a longer text"]`,
	arrow.BinaryTypes.StringView:                                     `["a", null, "", "a text longer than twelve"]`,
	arrow.BinaryTypes.Binary:                                         `["YQ==", null, "", "YWJj"]`,
	arrow.BinaryTypes.BinaryView:                                     `["YQ==", null, "", "YWJjYWJjYWJjYWJjYWJj"]`,
	&arrow.FixedSizeBinaryType{ByteWidth: 3}:                         `["YWJj", null, "YWJk", "YWJl"]`,
	&arrow.Decimal128Type{Precision: 10, Scale: 2}:                   `["1.50", null, "-3.25", "4.00"]`,
	arrow.FixedWidthTypes.Timestamp_us:                               `["2026-01-01T00:00:00Z", null, "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]`,
	arrow.ListOf(arrow.PrimitiveTypes.Int32):                         `[[1, 2], null, [], [null]]`,
	arrow.LargeListOf(arrow.BinaryTypes.String):                      `[["a"], null, [], ["b", null]]`,
	arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8):              `[[1, 2], null, [3, 4], [5, null]]`,
	arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8): `[[{"key": "a", "value": 1}], null, [], [{"key": "b", "value": null}]]`,
	arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
		arrow.Field{Name: "y", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true}): `[{"x": 1, "y": ["a"]}, null, {"x": null, "y": null}, {"x": 4, "y": []}]`,
	&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}: `["a", null, "b", "a"]`,
	extensions.NewUUIDType(): `["00000000-0000-0000-0000-000000000001", null, "00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000003"]`,
}

// Gathering rows is the same as taking them one by one, for every type, and
// the result needs nothing of its sources.
func TestGatherEveryType(t *testing.T) {
	for typ, text := range everyType {
		t.Run(typ.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				checked := memory.NewCheckedAllocator(memory.NewGoAllocator())
				var column []arrow.Array
				for range 2 {
					arr, _, err := array.FromJSON(checked, typ, stringReader(text))
					if err != nil {
						t.Fatal(err)
					}
					from := rapid.Int64Range(0, 2).Draw(t, "from")
					column = append(column, array.NewSlice(arr, from, 4))
					arr.Release()
				}
				var refs []ref
				var want []string
				for range rapid.IntRange(0, 8).Draw(t, "n") {
					b := rapid.IntRange(0, 1).Draw(t, "block")
					row := rapid.IntRange(-1, column[b].Len()-1).Draw(t, "row")
					if row < 0 {
						refs, want = append(refs, none), append(want, array.NullValueStr)
						continue
					}
					refs, want = append(refs, makeRef(b, row)), append(want, column[b].ValueStr(row))
				}
				got, err := gather(typ, column, refs)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range column {
					c.Release()
				}
				if n := checked.CurrentAlloc(); n != 0 {
					t.Fatalf("%d bytes of the sources are held", n)
				}
				if !arrow.TypeEqual(got.DataType(), typ) || got.Len() != len(refs) {
					t.Fatalf("%d rows of %s", got.Len(), got.DataType())
				}
				nulls := 0
				for i, w := range want {
					if g := got.ValueStr(i); g != w {
						t.Fatalf("row %d: %s, want %s", i, g, w)
					}
					if w == array.NullValueStr {
						nulls++
					}
				}
				if got.NullN() != nulls {
					t.Fatalf("%d nulls, want %d", got.NullN(), nulls)
				}
			})
		})
	}
}

func TestFullDisk(t *testing.T) {
	s := &spill{dir: t.TempDir()}
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}}, nil)
	f, err := s.create(schema)
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	f.file = full
	defer f.close()
	arr, _, err := array.FromJSON(mem, arrow.PrimitiveTypes.Int64, stringReader(`[1, 2]`))
	if err != nil {
		t.Fatal(err)
	}
	err = f.write(0, array.NewRecordBatch(schema, []arrow.Array{arr}, 2))
	if !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
	if _, err := (&spill{dir: fmt.Sprint(s.dir, "/no")}).create(schema); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
}

func stringReader(s string) *strings.Reader { return strings.NewReader(s) }

// A slice does not know how many nulls it has, and Arrow stores the count when
// first asked: workers that ask at once would race.
func TestBlocksAreCountedBeforeTheyAreShared(t *testing.T) {
	t.Parallel()
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues([]string{"a", "b", "", "d"}, []bool{true, true, false, true})
	whole := b.NewArray()
	defer whole.Release()
	id, part := array.NewSlice(whole, 0, 3), array.NewSlice(whole, 1, 4)
	defer id.Release()
	defer part.Release()
	if part.Data().NullN() >= 0 {
		t.Fatal("the slice knows its nulls: the test is for nothing")
	}
	fields := []arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "note", Type: arrow.BinaryTypes.String, Nullable: true}}
	rec := array.NewRecordBatch(arrow.NewSchema(fields, nil), []arrow.Array{id, part}, 3)
	defer rec.Release()
	block, err := (&spec{name: "x", key: []string{"id"}}).newBlock(rec, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer block.release()
	if n := block.rec.Column(1).Data().NullN(); n != 1 {
		t.Errorf("a block's column says it has %d nulls, want 1", n)
	}
}
