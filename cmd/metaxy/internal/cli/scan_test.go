//go:build linux

package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A name that no sample can have comes with the flag that gets past it.
func TestScanNameThatIsNotUTF8(t *testing.T) {
	dir := t.TempDir()
	features := filepath.Join(t.TempDir(), "features.toml")
	if err := os.WriteFile(features, []byte("[features.raw]\nid = \"path\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"good.txt", "bad \xff.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Skip(err) // a file system that takes no such name
		}
	}
	scan := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"-s", "memory://", "--features", features, "scan", dir, "raw"}, args...), nil, &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, said := scan(); code != exitError || !strings.Contains(said, "(--exclude 'bad ?.txt' leaves it out)") {
		t.Error(code, said)
	}
	if code, said := scan("--exclude", "bad ?.txt"); code != exitClean || !strings.Contains(said, "1 new") {
		t.Error(code, said)
	}
}
