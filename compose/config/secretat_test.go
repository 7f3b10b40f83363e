package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose/config"
)

func TestSecretAt(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pass"), []byte("canary-7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("METAXY_TEST_SECRET", "canary-8")
	for ref, want := range map[string]string{"file:pass": "canary-7", "env:METAXY_TEST_SECRET": "canary-8"} {
		s, err := config.SecretAt(ref, dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Reveal(); got != want || err != nil {
			t.Errorf("%s: %v", ref, err)
		}
		if s.String() != ref {
			t.Errorf("%s prints as %s", ref, s)
		}
	}
	for _, ref := range []string{"canary-9", "", "env:", "env:a-b", "text:canary-9"} {
		if _, err := config.SecretAt(ref, dir); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", ref, err)
		}
	}
	s, err := config.SecretAt("file:none", dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reveal(); err == nil || !strings.Contains(err.Error(), "file:none") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func ExampleSecretAt() {
	_, err := config.SecretAt("hunter2", ".")
	os.Stdout.WriteString(err.Error())
	// Output: a secret is not written here: say where it is with "env:NAME" or "file:path"
}
