//go:build !cgo || !duckdb_arrow

package duckdb

import (
	"errors"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

func TestOpenSaysWhatIsMissing(t *testing.T) {
	_, err := Open(t.Context(), ":memory:")
	if !errors.Is(err, core.ErrUnsupported) || !strings.Contains(err.Error(), "-tags duckdb_arrow") || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("%v, want ErrUnsupported that says which tag is missing", err)
	}
}
