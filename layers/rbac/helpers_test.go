package rbac_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

func schemaOf(fields ...arrow.Field) *arrow.Schema { return arrow.NewSchema(fields, nil) }

func rowsOf(t *testing.T, rows ...[]any) core.Rows {
	t.Helper()
	return storetest.RowsIn(t, storetest.Allocator(t), 3, matrixSchema, rows...)
}

// commas makes the filters of policy lines that hold "; " lists of values.
func commas(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if at := strings.LastIndex(line, ", "); strings.Contains(line, "; ") {
			filter := strings.ReplaceAll(strings.TrimSpace(line[at+2:]), "; ", ", ")
			line = line[:at] + `, "` + filter + "\"\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
