package rowio_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

func TestWriteFileErrorsNameTheFile(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}}, nil)
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none", "x.csv"), dir} {
		_, err := rowio.WriteFileAs(path, rowio.CSV, core.RowsOf(schema))
		var at *os.PathError
		if !errors.As(err, &at) || at.Path != path || strings.Contains(err.Error(), ".x.csv.") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Each list is what the direction takes, and its error says the same.
func TestFormatsByDirection(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}}, nil)
	for _, f := range rowio.Outputs() {
		var b bytes.Buffer
		if _, err := rowio.Write(&b, f, core.RowsOf(schema)); err != nil {
			t.Error(f, err)
		}
		if got, err := rowio.ParseFormat(string(f)); got != f || err != nil {
			t.Error(f, err)
		}
		_, perr := rowio.ParseInput(string(f))
		_, rerr := rowio.Read(&b, "x", f)
		if in := slices.Contains(rowio.Inputs(), f); in != (perr == nil) || in != (rerr == nil) {
			t.Errorf("%s: listed %v, parsed %v, read %v", f, in, perr, rerr)
		}
	}
	for want, parse := range map[string]func(string) (rowio.Format, error){
		`unknown format "pdf"; there are table, csv, tsv, json, parquet, arrow, arrow-stream`: rowio.ParseFormat,
		`unknown format "pdf"; there are csv, tsv, json, parquet, arrow, arrow-stream`:        rowio.ParseInput,
	} {
		if _, err := parse("pdf"); err == nil || err.Error() != want || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for _, name := range rowio.TypeNames() {
		dt, err := rowio.ParseType(name)
		if back, ok := rowio.TypeName(dt); err != nil || !ok || back != name {
			t.Error(name, back, err)
		}
	}
	if name, ok := rowio.TypeName(arrow.ListOf(arrow.PrimitiveTypes.Int8)); ok {
		t.Error(name)
	}
}
