//go:build linux

package filescan

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The pattern in the error gets past the file, and past no other.
func TestNameThatIsNotUTF8(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a[1].txt", "b[1]\xff.txt", "b1.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Skip(err) // a file system that takes no such name
		}
	}
	_, err := List(t.Context(), dir, Filter{})
	var odd *NameError
	if !errors.As(err, &odd) || odd.Pattern != `b\[1\]?.txt` {
		t.Fatal(err)
	}
	files, err := List(t.Context(), dir, Filter{Exclude: []string{odd.Pattern}})
	if err != nil || len(files) != 2 {
		t.Error(files, err)
	}
}
