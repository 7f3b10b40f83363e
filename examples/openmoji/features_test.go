package main

import (
	"reflect"
	"testing"

	"github.com/metaxy-go/metaxy/compose/featurefile"
	"github.com/metaxy-go/metaxy/core"
)

// The two ways to declare features give the same graph.
func TestFileDeclaresTheSame(t *testing.T) {
	inGo, err := core.NewGraph(features()...)
	if err != nil {
		t.Fatal(err)
	}
	inFile, err := featurefile.LoadGraph("features.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(inGo.Keys(), inFile.Keys()) {
		t.Fatalf("in Go %v, in the file %v", inGo.Keys(), inFile.Keys())
	}
	for _, key := range inGo.Keys() {
		a, err := inGo.Plan(key)
		if err != nil {
			t.Fatal(err)
		}
		b, err := inFile.Plan(key)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s\n in Go   %+v\n in file %+v", key, a, b)
		}
	}
}

func TestReleases(t *testing.T) {
	before, after := mustLoad(t, "16.0.0"), mustLoad(t, "17.0.0")
	if len(before.records) != 4292 || len(after.records) != 4495 {
		t.Errorf("releases of %d and %d samples", len(before.records), len(after.records))
	}
	if differ, common := wholeRows(before, after); differ != 3707 || common != 4277 {
		t.Errorf("whole rows: %d of %d differ, want 3707 of 4277", differ, common)
	}
}

func mustLoad(t *testing.T, version string) release {
	t.Helper()
	r, err := loadRelease(version)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
