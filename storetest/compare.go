package storetest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// Lines reads rows as text, one line a row, sorted, so that two answers can be
// compared whatever their batches and their order. Values print exactly: -0 is
// not 0, NaN is NaN, null is not the empty string, and a dictionary is its value.
func Lines(rows core.Rows) ([]string, error) {
	lines, err := LinesInOrder(rows)
	slices.Sort(lines)
	return lines, err
}

// LinesInOrder is Lines in the order of the rows.
func LinesInOrder(rows core.Rows) ([]string, error) {
	lines := []string{}
	for b, err := range rows.All() {
		if err != nil {
			return lines, err
		}
		lines = append(lines, BatchLines(b)...)
	}
	return lines, nil
}

// BatchLines is the rows of one batch as text.
func BatchLines(b arrow.RecordBatch) []string {
	lines := make([]string, b.NumRows())
	var cells []string
	for row := range lines {
		cells = cells[:0]
		for i, f := range b.Schema().Fields() {
			cells = append(cells, f.Name+"="+Cell(b.Column(i), row))
		}
		lines[row] = strings.Join(cells, " ")
	}
	return lines
}

// EqualRows fails the test when two answers differ in columns, types or rows;
// batches and order do not count.
func EqualRows(t testing.TB, want, got core.Rows) {
	t.Helper()
	if want.Schema != nil && got.Schema != nil && !core.SameColumns(want.Schema, got.Schema) {
		t.Errorf("columns are %v, want %v", got.Schema.Fields(), want.Schema.Fields())
	}
	w, err := Lines(want)
	if err != nil {
		t.Fatalf("the rows to compare with: %v", err)
	}
	g, err := Lines(got)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if d := Diff(w, g); d != "" {
		t.Error(d)
	}
}

// Diff says how two lists of lines differ, "" when they do not: lines that are
// missing with "-", lines too many with "+", at most ten of each.
func Diff(want, got []string) string {
	if slices.Equal(want, got) {
		return ""
	}
	count := map[string]int{}
	for _, l := range want {
		count[l]++
	}
	for _, l := range got {
		count[l]--
	}
	var out []string
	shown := 0
	for _, l := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(want, got)))) {
		sign := "-"
		if count[l] == 0 {
			continue
		} else if count[l] < 0 {
			sign = "+"
		}
		if shown++; shown <= 10 {
			out = append(out, sign+" "+l)
		}
	}
	if shown > 10 {
		out = append(out, fmt.Sprintf("… and %d more", shown-10))
	}
	if shown == 0 {
		out = append(out, "the same lines in another order")
	}
	return fmt.Sprintf("rows differ (%d, want %d):\n%s", len(got), len(want), strings.Join(out, "\n"))
}

// Cell is one value as exact text.
func Cell(a arrow.Array, row int) string {
	if a.IsNull(row) {
		return "null"
	}
	switch a := a.(type) {
	case *array.Float32:
		return strconv.FormatFloat(float64(a.Value(row)), 'g', -1, 32)
	case *array.Float64:
		return strconv.FormatFloat(a.Value(row), 'g', -1, 64)
	case *array.String:
		return strconv.Quote(a.Value(row))
	case *array.LargeString:
		return strconv.Quote(a.Value(row))
	case *array.StringView:
		return strconv.Quote(a.Value(row))
	case *array.Binary:
		return "x'" + hex.EncodeToString(a.Value(row)) + "'"
	case *array.LargeBinary:
		return "x'" + hex.EncodeToString(a.Value(row)) + "'"
	case *array.FixedSizeBinary:
		return "x'" + hex.EncodeToString(a.Value(row)) + "'"
	case *array.Timestamp:
		return strconv.FormatInt(int64(a.Value(row)), 10) + a.DataType().(*arrow.TimestampType).Unit.String()
	case *array.Date64:
		return strconv.FormatInt(int64(a.Value(row)), 10)
	case *array.Dictionary:
		return Cell(a.Dictionary(), a.GetValueIndex(row))
	case *array.Struct:
		return structCell(a, row)
	case *array.Map:
		return mapCell(a, row)
	case array.ListLike:
		return listCell(a, row)
	}
	return a.ValueStr(row)
}

func structCell(a *array.Struct, row int) string {
	cells := make([]string, a.NumField())
	for i, f := range a.DataType().(*arrow.StructType).Fields() {
		cells[i] = f.Name + ":" + Cell(a.Field(i), row)
	}
	return "{" + strings.Join(cells, ",") + "}"
}

func listCell(a array.ListLike, row int) string {
	from, to := a.ValueOffsets(row)
	cells := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		cells = append(cells, Cell(a.ListValues(), int(i)))
	}
	return "[" + strings.Join(cells, ",") + "]"
}

// mapCell prints the entries by key, since a map has no order.
func mapCell(a *array.Map, row int) string {
	from, to := a.ValueOffsets(row)
	cells := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		cells = append(cells, Cell(a.Keys(), int(i))+":"+Cell(a.Items(), int(i)))
	}
	slices.Sort(cells)
	return "map[" + strings.Join(cells, ",") + "]"
}
