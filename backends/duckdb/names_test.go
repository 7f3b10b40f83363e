//go:build cgo && duckdb_arrow

package duckdb_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func TestNamesThatDuckDBConfuses(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.duckdb"))
	defer closeStore(t, s)
	names := []string{"n", "N", "rowid", "ROWID", "Metaxy_Until", "METAXY_COMMIT", "Data_Version", "SAMPLE_ID", "select", `quo"te`, "two words", "ä", "Ä", "n#2"}
	fields := []arrow.Field{{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64}}
	for _, n := range names {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})})
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range len(names) + 1 {
		b.Field(i).(*array.Int64Builder).Append(int64(100 + i))
	}
	b.Field(len(names) + 1).(*array.StructBuilder).Append(true)
	b.Field(len(names) + 1).(*array.StructBuilder).FieldBuilder(0).(*array.StringBuilder).Append("v")
	batch := b.NewRecordBatch()
	for range 2 {
		write(t, s, "root", core.RowsOf(schema, batch))
	}
	for i, n := range names {
		rows, err := s.Read(t.Context(), core.ReadRequest{Key: "root", Columns: []string{n}, Filter: expr.Field(n).Eq(101 + i)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := rows.Collect()
		if err != nil || len(got) != 1 || got[0].NumRows() != 1 || got[0].Column(0).(*array.Int64).Value(0) != int64(101+i) {
			t.Errorf("column %q: %v, %v", n, got, err)
		}
	}
	info, err := s.Evolve(t.Context(), core.EvolveRequest{Key: "root", Base: 1, Changes: []core.SchemaChange{
		{Kind: core.RenameColumn, Column: "n", To: "Two Words"},
		{Kind: core.RenameColumn, Column: "N", To: "n"},
		{Kind: core.AddColumn, Column: "N", Type: arrow.BinaryTypes.String},
		{Kind: core.RenameColumn, Column: "ä", To: "rowId"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "root", Columns: []string{"Two Words", "n", "N", "rowId", "ROWID"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := rows.Collect()
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	for i, want := range []string{"101", "102", array.NullValueStr, "112", "104"} {
		if v := got[0].Column(i).ValueStr(0); v != want {
			t.Errorf("after renaming, %s is %s, want %s (version %d)", got[0].ColumnName(i), v, want, info.SchemaVersion)
		}
	}
}

func TestWhatCannotBeKept(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "x.duckdb"))
	defer closeStore(t, s)
	with := func(typ arrow.DataType, arr arrow.Array) error {
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "sample_id", Type: arrow.PrimitiveTypes.Int64},
			{Name: "odd", Type: typ, Nullable: true},
			{Name: core.ColDataVersion, Type: core.DataVersionType([]string{core.DefaultContainer})},
		}, nil)
		rows := core.Rows{Schema: schema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
			if arr == nil {
				return
			}
			b := array.NewRecordBuilder(memory.DefaultAllocator, rootSchema)
			b.Field(0).(*array.Int64Builder).Append(1)
			b.Field(1).AppendNull()
			b.Field(2).(*array.StructBuilder).Append(true)
			b.Field(2).(*array.StructBuilder).FieldBuilder(0).(*array.StringBuilder).Append("v")
			plain := b.NewRecordBatch()
			yield(array.NewRecordBatch(schema, []arrow.Array{plain.Column(0), arr, plain.Column(2)}, 1), nil)
		}}
		_, err := s.Write(t.Context(), core.WriteRequest{Plan: planOf(t, "root"), Rows: rows})
		return err
	}
	for _, typ := range []arrow.DataType{
		arrow.SparseUnionOf([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}}, []arrow.UnionTypeCode{0}), arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String),
		arrow.ListViewOf(arrow.BinaryTypes.String), arrow.ListOf(arrow.LargeListViewOf(arrow.BinaryTypes.String)),
	} {
		if err := with(typ, nil); !errors.Is(err, core.ErrUnsupported) || !strings.Contains(err.Error(), `"odd"`) {
			t.Errorf("%s: %v, want ErrUnsupported that names the column", typ, err)
		}
	}
	text := array.NewStringBuilder(memory.DefaultAllocator)
	text.Append("secret\xff")
	if err := with(arrow.BinaryTypes.String, text.NewArray()); !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), `row 1: column "odd"`) || strings.Contains(err.Error(), "secret") {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	typ := &arrow.Decimal128Type{Precision: 4, Scale: 2}
	digits := array.NewDecimal128Builder(memory.DefaultAllocator, typ)
	digits.Append(decimal128.FromI64(10_000))
	if err := with(typ, digits.NewArray()); !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), "digits") {
		t.Errorf("a decimal with too many digits: %v", err)
	}
	if _, err := s.Stat(t.Context(), core.StatRequest{Key: "root"}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("after refused writes: %v", err)
	}
	storage := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: 16})
	storage.Append([]byte("0123456789abcdef"))
	uuid := array.NewExtensionArrayWithStorage(extensions.NewUUIDType(), storage.NewArray())
	if err := with(uuid.DataType(), uuid); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: "root", Columns: []string{"odd"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := rows.Collect()
	if err != nil || len(got) != 1 || !array.Equal(got[0].Column(0), uuid) {
		t.Errorf("an extension type came back as %v, %v", got, err)
	}
}
