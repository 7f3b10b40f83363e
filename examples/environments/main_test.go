package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the program prints is what it is there for.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if err := run(t.Context(), &out, dir); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	storetest.Golden(t, "testdata/output.txt", out.String())

	// Nothing of what dev did is in the others.
	w := world{ctx: t.Context(), dir: dir}
	for name, want := range map[string]int64{"prod": 1, "staging": 1, "dev": 1} {
		err := w.in(name, nil, func(s *compose.Stack) error {
			info, err := s.Stat(t.Context(), core.StatRequest{Key: raw, Local: true})
			if err == nil && info.Generation != want {
				t.Errorf("%s holds %d commits of %s", name, info.Generation, raw)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"dev", "staging", "prod"} {
		if _, err := os.Stat(filepath.Join(dir, name+".duckdb")); err != nil {
			t.Error(err)
		}
	}
}
