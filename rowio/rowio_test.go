package rowio_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

// sample has a column of each type that features commonly hold, and nulls.
func sample(t testing.TB, mem memory.Allocator) arrow.RecordBatch {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "ok", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "data_version", Type: core.DataVersionType([]string{"frames", "audio"}), Nullable: true},
	}, nil)
	b, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(`[
		{"id": 1, "text": "plain", "score": 0.5, "ok": true, "day": "2026-01-02", "at": "2026-01-02T03:04:05.000006Z", "data_version": {"frames": "f1", "audio": "a1"}},
		{"id": -9223372036854775808, "text": "comma, \"quote\" and\nnewline", "score": -1e300, "ok": false, "day": "1969-12-31", "at": "1969-12-31T23:59:59.999999Z", "data_version": {"frames": "f2", "audio": "a|2"}},
		{"id": null, "text": null, "score": null, "ok": null, "day": null, "at": null, "data_version": {"frames": "f3", "audio": "ü"}}
	]`))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checked(t *testing.T) *memory.CheckedAllocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func same(t *testing.T, got core.Rows, want arrow.RecordBatch) {
	t.Helper()
	batches, err := got.Collect()
	if err != nil {
		t.Fatal(err)
	}
	defer core.ReleaseAll(batches)
	if !core.SameColumns(got.Schema, want.Schema()) {
		t.Fatalf("schema\n%v\nwant\n%v", got.Schema, want.Schema())
	}
	tab := array.NewTableFromRecords(got.Schema, batches)
	defer tab.Release()
	wantTab := array.NewTableFromRecords(got.Schema, []arrow.RecordBatch{want})
	defer wantTab.Release()
	if !array.TableEqual(tab, wantTab) {
		t.Fatalf("got\n%v\nwant\n%v", tab, wantTab)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, f := range []rowio.Format{rowio.CSV, rowio.TSV, rowio.JSON, rowio.Parquet, rowio.Arrow, rowio.ArrowStream} {
		for _, way := range []string{"file", "stream"} {
			t.Run(string(f)+"/"+way, func(t *testing.T) {
				mem := checked(t)
				b := sample(t, mem)
				defer b.Release()
				types := map[string]arrow.DataType{}
				for _, c := range b.Schema().Fields() {
					if f == rowio.JSON { // which has no dates
						types[c.Name] = c.Type
					}
				}
				opts := []rowio.Option{rowio.WithAllocator(mem), rowio.WithTypes(types), rowio.WithBatchRows(2)}
				var rows core.Rows
				var err error
				if way == "file" {
					path := filepath.Join(t.TempDir(), "x")
					none := b.NewSlice(0, 0)
					defer none.Release()
					if _, err := rowio.WriteFileAs(path, f, core.RowsOf(b.Schema(), b, none), opts...); err != nil {
						t.Fatal(err)
					}
					rows, err = rowio.OpenAs(path, f, opts...)
					if err == nil && !rows.Replayable {
						t.Error("a file can be read again")
					}
				} else {
					var buf bytes.Buffer
					if _, err := rowio.Write(&buf, f, core.RowsOf(b.Schema(), b), opts...); err != nil {
						t.Fatal(err)
					}
					rows, err = rowio.Read(&buf, "stdin", f, opts...)
				}
				if err != nil {
					t.Fatal(err)
				}
				same(t, rows, b)
				if rows.Replayable {
					same(t, rows, b)
				} else if _, err := rows.Count(); !errors.Is(err, core.ErrInvalid) {
					t.Errorf("second range: %v", err)
				}
			})
		}
	}
}

// An empty table keeps its columns, in the formats that have types.
func TestNoRows(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	for _, f := range []rowio.Format{rowio.CSV, rowio.Parquet, rowio.Arrow, rowio.ArrowStream} {
		var buf bytes.Buffer
		if _, err := rowio.Write(&buf, f, core.RowsOf(schema)); err != nil {
			t.Fatal(f, err)
		}
		rows, err := rowio.Read(&buf, "stdin", f)
		if err != nil || !core.SameColumns(rows.Schema, schema) {
			t.Fatal(f, rows.Schema, err)
		}
		if n, err := rows.Count(); n != 0 || err != nil {
			t.Error(f, n, err)
		}
	}
}

func TestLeavingEarlyReleases(t *testing.T) {
	for _, f := range []rowio.Format{rowio.CSV, rowio.JSON, rowio.Parquet, rowio.Arrow, rowio.ArrowStream} {
		mem := checked(t)
		b := sample(t, mem)
		path := filepath.Join(t.TempDir(), "x")
		if _, err := rowio.WriteFileAs(path, f, core.RowsOf(b.Schema(), b, b), rowio.WithAllocator(mem)); err != nil {
			t.Fatal(err)
		}
		b.Release()
		rows, err := rowio.OpenAs(path, f, rowio.WithAllocator(mem), rowio.WithBatchRows(1))
		if err != nil {
			t.Fatal(err)
		}
		for range rows.Batches {
			break
		}
	}
}

func TestInference(t *testing.T) {
	const text = "\ufeffn,zero,big,f,mixed,ok,day,at,local,none,data_version.frames\r\n" +
		"1,007,9223372036854775808,1.50,1,true,2026-01-02,2026-01-02T03:04:05Z,2026-01-02 03:04:05,,1\r\n" +
		"\"2\",008,1,-3,x,False,2026-02-28,2026-01-02T03:04:05+01:00,2026-01-02T03:04:05,,2\r\n" +
		",,,,,,,,,,3\r\n"
	want := "int64 utf8 utf8 float64 utf8 bool date32 timestamp[us, tz=UTC] timestamp[us] utf8 struct<frames: utf8 nullable>" //nolint:dupword // types, not prose
	for _, way := range []string{"file", "stream"} {
		var rows core.Rows
		var err error
		if way == "file" {
			path := filepath.Join(t.TempDir(), "x.csv")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			rows, err = rowio.Open(path)
		} else {
			rows, err = rowio.Read(strings.NewReader(text), "stdin", rowio.CSV)
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range rows.Schema.Fields() {
			got = append(got, f.Type.String())
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s:\ngot  %s\nwant %s", way, s, want)
		}
		if n, err := rows.Count(); n != 3 || err != nil {
			t.Error(n, err)
		}
	}
}

// A fraction or an exponent makes a number; what is not written canonically, or
// is an integer too large, stays text.
func TestNumbers(t *testing.T) {
	for v, want := range map[string]string{
		"1.5": "float64", "-0.25": "float64", "1e9": "float64", "2E-3": "float64", "0.0": "float64", "-1": "int64", "0": "int64",
		"01.5": "utf8", "1.": "utf8", ".5": "utf8", "1e": "utf8", "1e+": "utf8", "-": "utf8", "--1": "utf8", "1.5x": "utf8", "0x10": "utf8",
		"18446744073709551616": "utf8", "NaN": "utf8", "-0": "utf8", "1_000": "utf8",
	} {
		rows, err := rowio.Read(strings.NewReader("c\n"+v+"\n"), "x", rowio.CSV)
		if err != nil {
			t.Fatal(err)
		}
		if got := rows.Schema.Field(0).Type.String(); got != want {
			t.Errorf("%s: %s, want %s", v, got, want)
		}
	}
}

func TestBadInput(t *testing.T) {
	good := func(f rowio.Format) string {
		b := sample(t, memory.DefaultAllocator)
		var buf bytes.Buffer
		if _, err := rowio.Write(&buf, f, core.RowsOf(b.Schema(), b)); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	parquet, file, stream := good(rowio.Parquet), good(rowio.Arrow), good(rowio.ArrowStream)
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	for _, c := range []struct {
		name, ending, text, want string
	}{
		{"ragged", "csv", "a,b\n1,2\n\"x\ny\",2\n3\n", "%s:5: the line has 1 field, the header has 2"},
		{"too many", "csv", "a,b\n1,2,3\n", "%s:2: the line has 3 fields, the header has 2"},
		{"quote", "csv", "a,b\n1,\"2\n", `%s:2:6: extraneous or missing " in quoted-field`},
		{"stray quote", "csv", "a,b\n1,2\"3\n", `%s:2:4: bare " in non-quoted-field`},
		{"empty", "csv", "", "%s: is empty, want a header line with the columns' names"},
		{"no name", "csv", "a,,b\n", "%s:1: column 2 has no name in the header"},
		{"same name", "csv", "a,b,a\n", `%s:1: two columns are named "a"`},
		{"flat version", "csv", "a,data_version\n1,2\n", `%s:1: column "data_version" is a struct: name its containers, such as "data_version.default"`},
		{"not UTF-8", "csv", "a,b\n1,\xff\n", "%s:2: field 2 is not UTF-8"},
		{"type", "csv", "n,typed\n1,7\n2,seven\n", `%s:3: column "typed" is not a valid int32`},
		{"not json", "jsonl", "{\"a\": 1}\n\n{\"a\": }\n", "%s:3: not JSON: syntax error"},
		{"cut", "jsonl", "{\"a\": [1]}\n{\"a\": [1,\n", "%s:2: not JSON: it ends in the middle of a value"},
		{"no object", "jsonl", "{\"a\": 1}\n17\n", "%s:2: not an object"},
		{"two on a line", "jsonl", "{\"a\": 1} {\"a\": 2}\n", "%s:1: more than one value on the line"},
		{"twice", "jsonl", "{\"a\": 1, \"a\": 2}\n", `%s:1: key "a" occurs twice`},
		{"kinds", "jsonl", "{\"v\": {\"x\": 1}}\n{\"v\": {\"x\": \"y\"}}\n", `%s:2: column "v.x" is a string here and an integer before: give its type`},
		{"array", "json", "[{\"a\": 1}, {\"a\": true}]", `%s: row 2: column "a" is a boolean here and an integer before: give its type`},
		{"open array", "json", "[{\"a\": 1}, ", `%s: row 2: not JSON: it ends in the middle of a value`},
		{"after array", "json", "[{\"a\": 1}] {", `%s: something follows the array`},
		{"deep", "jsonl", deep, `%s:1: values are nested more than 100 deep`},
		{"json type", "jsonl", "{\"typed\": 1}\n{\"typed\": 3000000000}\n", `%s:2: column "typed" is not a valid int32`},
		{"truncated parquet", "parquet", parquet[:len(parquet)/2], "%s: a truncated Parquet file: its end is missing"},
		{"tiny parquet", "parquet", "PAR1", "%s: a truncated Parquet file: its end is missing"},
		{"no parquet", "parquet", "hello, world", "%s: not a Parquet file"},
		{"damaged parquet", "parquet", parquet[:len(parquet)-9] + "XXXXXPAR1", "%s: damaged Parquet file: its index cannot be read"},
		{"truncated arrow", "arrow", file[:len(file)-20], "%s: a truncated or damaged Arrow file: its index cannot be read"},
		{"truncated stream", "arrows", stream[:len(stream)-200], "%s: a truncated or damaged Arrow stream: batch 1 cannot be read"},
		{"no arrow", "arrow", "hello, world", "%s: not an Arrow file or stream"},
		{"ending", "txt", "", "%s: the ending does not tell the format: use .csv, .tsv, .jsonl, .parquet or .arrow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x."+c.ending)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			rows, err := rowio.Open(path, rowio.WithTypes(map[string]arrow.DataType{"typed": arrow.PrimitiveTypes.Int32}))
			if err == nil {
				_, err = rows.Count()
			}
			if err == nil || err.Error() != fmt.Sprintf(c.want, path) {
				t.Fatalf("got  %v\nwant "+c.want, err, path)
			}
			if !errors.Is(err, core.ErrInvalid) {
				t.Error("does not match ErrInvalid")
			}
		})
	}
	if _, err := rowio.Open("none.csv"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// What contradicts a stream's first rows is reported with its line.
func TestLateSurprise(t *testing.T) {
	pr, pw := io.Pipe()
	go func() {
		_, _ = io.WriteString(pw, "n\n")
		for range 70_000 {
			_, _ = io.WriteString(pw, "1\n")
		}
		_, _ = io.WriteString(pw, "one\n")
		_ = pw.Close()
	}()
	rows, err := rowio.Read(pr, "stdin", rowio.CSV)
	if err != nil {
		t.Fatal(err)
	}
	n, err := rows.Count()
	if err == nil || err.Error() != `stdin:70002: column "n" is not a valid int64` || n != 65536 {
		t.Error(n, err)
	}
}

// Field ids and other metadata of the file do not enter the schema.
func TestParquetMetadataIsDropped(t *testing.T) {
	b := sample(t, memory.DefaultAllocator)
	var buf bytes.Buffer
	if _, err := rowio.Write(&buf, rowio.Parquet, core.RowsOf(b.Schema(), b)); err != nil {
		t.Fatal(err)
	}
	rows, err := rowio.Read(&buf, "x", rowio.Parquet)
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range rows.Batches {
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range batch.Schema().Fields() {
			if f.HasMetadata() || batch.Column(i).DataType() != f.Type && !arrow.TypeEqual(batch.Column(i).DataType(), f.Type, arrow.CheckMetadata()) {
				t.Errorf("%s: %v", f.Name, batch.Column(i).DataType())
			}
		}
	}
}

func TestWriteFileKeepsTheOldOneOnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil)
	rows := core.Rows{Schema: schema, Batches: func(yield func(arrow.RecordBatch, error) bool) { yield(nil, broken) }}
	if _, err := rowio.WriteFile(path, rows); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("%q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Error(left)
	}
}

// Whatever strings and numbers a column holds, CSV and JSON give them back,
// but that CSV cannot tell the empty string from null.
func TestTextRoundTrip(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "b", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "c", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
	}, nil)
	types := map[string]arrow.DataType{}
	for _, f := range schema.Fields() {
		types[f.Name] = f.Type
	}
	rapid.Check(t, func(rt *rapid.T) {
		rb := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for range rapid.IntRange(1, 5).Draw(rt, "rows") {
			// encoding/csv reads a line's end as "\n" wherever it stands.
			s := strings.ReplaceAll(rapid.String().Draw(rt, "text"), "\r", "")
			if s == "" {
				rb.Field(0).AppendNull()
			} else {
				rb.Field(0).(*array.StringBuilder).Append(s)
			}
			f := rapid.Float64().Draw(rt, "float")
			rb.Field(1).(*array.Float64Builder).Append(f)
			rb.Field(2).(*array.Uint64Builder).Append(rapid.Uint64().Draw(rt, "uint"))
		}
		b := rb.NewRecordBatch()
		for _, f := range []rowio.Format{rowio.CSV, rowio.JSON} {
			var buf bytes.Buffer
			if _, err := rowio.Write(&buf, f, core.RowsOf(schema, b)); err != nil {
				rt.Fatal(err)
			}
			text := buf.String()
			rows, err := rowio.Read(&buf, "x", f, rowio.WithTypes(types))
			if err != nil {
				rt.Fatalf("%s: %v\n%s", f, err, text)
			}
			got, err := rows.Collect()
			if err != nil || len(got) != 1 {
				rt.Fatalf("%s: %v\n%s", f, err, text)
			}
			for i := range schema.Fields() {
				if !array.Equal(got[0].Column(i), b.Column(i)) {
					rt.Fatalf("%s: column %d\n%v\nwant\n%v\n%s", f, i, got[0].Column(i), b.Column(i), text)
				}
			}
		}
	})
}

func TestFloatsThatJSONLacks(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
	rb := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	rb.Field(0).(*array.Float64Builder).AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}, nil)
	b := rb.NewRecordBatch()
	for _, f := range []rowio.Format{rowio.CSV, rowio.JSON} {
		var buf bytes.Buffer
		if _, err := rowio.Write(&buf, f, core.RowsOf(schema, b)); err != nil {
			t.Fatal(err)
		}
		rows, err := rowio.Read(&buf, "x", f, rowio.WithTypes(map[string]arrow.DataType{"f": arrow.PrimitiveTypes.Float64}))
		if err != nil {
			t.Fatal(f, err)
		}
		got, err := rows.Collect()
		if err != nil || !array.Equal(got[0].Column(0), b.Column(0)) && fmt.Sprint(got[0].Column(0)) != "[NaN +Inf -Inf]" {
			t.Errorf("%s: %v %v", f, got, err)
		}
	}
}
