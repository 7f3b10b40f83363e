package storetest_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// brokenName is the environment variable by which the child process is told
// which broken store to run the suite on.
const brokenName = "METAXY_STORETEST_BROKEN"

// brokenCase is a store that breaks one sentence of the contract.
type brokenCase struct {
	property string // such as Write/W4_same_id_same_commit
	what     string
	wrap     func(next core.Store) core.Store
}

// TestBrokenStores: each deliberately broken store fails the property that it
// breaks. The suite runs in a child process, since its failures are the point.
func TestBrokenStores(t *testing.T) {
	if len(brokenStores()) < 20 {
		t.Errorf("there are %d broken stores, want at least 20", len(brokenStores()))
	}
	for name, c := range brokenStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !slices.Contains(storetest.Properties(), c.property) {
				t.Fatalf("%s is no property", c.property)
			}
			failed, out := runBroken(t, name, c.property)
			if !slices.Contains(failed, c.property) {
				t.Errorf("a store that %s does not fail %s; failures: %v\n%s", c.what, c.property, failed, out)
			}
			if code, _, _ := strings.Cut(strings.Split(c.property, "/")[1], "_"); !strings.Contains(out, "why "+code+" matters: ") {
				t.Errorf("the failure does not say why it matters:\n%s", out)
			}
		})
	}
}

// TestUnbrokenStore: the wrapper that the broken stores are made of breaks
// nothing by itself.
func TestUnbrokenStore(t *testing.T) {
	storetest.Run(t, storetest.Config{New: func(t testing.TB) core.Store { return &broken{next: newMemory(t)} }})
}

// TestBrokenChild runs the suite on the broken store that the parent named.
func TestBrokenChild(t *testing.T) {
	name := os.Getenv(brokenName)
	if name == "" {
		return // the parent's own run: TestBrokenStores starts the children
	}
	if hole, ok := strings.CutPrefix(name, "guard:"); ok {
		storetest.RunEnforcing(t, guardConfig(func() *guard { return &guard{broken: hole} }))
		return
	}
	if bad, ok := strings.CutPrefix(name, "layer:"); ok {
		layer := brokenLayers()[bad]
		storetest.RunLayer(t, storetest.LayerConfig{Layer: func(testing.TB) core.Layer { return badLayer{bad, layer.wrap} }})
		return
	}
	if what, ok := strings.CutPrefix(name, "skip:"); ok {
		storetest.Run(t, skipConfig(what))
		return
	}
	storetest.Run(t, storetest.Config{New: func(t testing.TB) core.Store { return brokenStores()[name].wrap(newMemory(t)) }})
}

// TestBrokenGuards: each hole in an enforcing layer is found.
func TestBrokenGuards(t *testing.T) {
	for hole, property := range brokenGuards() {
		t.Run(hole, func(t *testing.T) {
			t.Parallel()
			if failed, out := runBroken(t, "guard:"+hole, property); !slices.Contains(failed, property) {
				t.Errorf("a layer with the hole %s does not fail %s; failures: %v\n%s", hole, property, failed, out)
			}
		})
	}
}

// runBroken runs one property of the suite in a child and lists what failed.
func runBroken(t *testing.T, name, property string) (failed []string, output string) {
	t.Helper()
	group, title, _ := strings.Cut(property, "/")
	cmd := exec.Command(os.Args[0], "-test.v", "-test.count=1", "-test.timeout=100s", "-rapid.nofailfile", "-rapid.shrinktime=1s",
		"-test.run=^TestBrokenChild$/^"+group+"$/^"+title+"$")
	cmd.Env = append(os.Environ(), brokenName+"="+name)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil, string(out)
	}
	for line := range strings.SplitSeq(string(out), "\n") {
		if test, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: TestBrokenChild/"); ok {
			test, _, _ = strings.Cut(test, " ")
			failed = append(failed, test)
		}
	}
	return failed, string(out)
}
