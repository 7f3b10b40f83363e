//go:build linux || darwin || freebsd

package sqlite

import (
	"os"
	"path/filepath"
	"testing"
)

// An index in a format that is not known is not read, but its descriptor stays
// open until the catalog is closed: closing it would take SQLite's locks away.
func TestStrangeIndexStaysOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path+"-shm", make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	count := func() int {
		indexes.Lock()
		defer indexes.Unlock()
		return len(indexes.by)
	}
	before := count()
	_, release := (&db{}).watch(path)
	if count() != before+1 {
		t.Error("the index was closed while it may be locked")
	}
	if release(); count() != before {
		t.Error("the index is open for ever")
	}
}
