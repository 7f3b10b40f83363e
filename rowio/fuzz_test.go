package rowio_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

// Whatever text comes, reading ends with rows or with ErrInvalid. The binary
// formats are left out: arrow-go allocates what lengths in a file's metadata
// say, and a forged one exhausts the memory.
func FuzzRead(f *testing.F) {
	formats := []rowio.Format{rowio.CSV, rowio.JSON}
	b := sample(f, memory.DefaultAllocator)
	for i, format := range formats {
		var buf bytes.Buffer
		if _, err := rowio.Write(&buf, format, core.RowsOf(b.Schema(), b)); err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), buf.Bytes())
	}
	f.Add(uint8(1), []byte(`[{"a": {"b": [null, {"c": 1.5}]}}]`))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		rows, err := rowio.Read(bytes.NewReader(data), "x", formats[int(which)%len(formats)])
		if err == nil {
			_, err = rows.Count()
		}
		if err != nil && !errors.Is(err, core.ErrInvalid) {
			t.Fatal(err)
		}
	})
}
