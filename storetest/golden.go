package storetest

import (
	"os"
	"path/filepath"
	"testing"
)

// UpdateGolden is the environment variable that makes Golden write instead of
// compare: METAXY_UPDATE_GOLDEN=1 go test ./...
const UpdateGolden = "METAXY_UPDATE_GOLDEN"

// Golden compares text with the file at path, which the repository holds.
func Golden(t testing.TB, path, got string) {
	t.Helper()
	if os.Getenv(UpdateGolden) == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("golden file (set %s=1 to write it): %v", UpdateGolden, err)
	}
	if string(want) != got {
		t.Errorf("differs from %s (set %s=1 to accept)\n--- want\n%s\n--- got\n%s", path, UpdateGolden, want, got)
	}
}
