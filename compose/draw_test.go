package compose_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// legs is a fallback in descriptions.
type legs []core.Description

func (l legs) Info() core.LayerInfo {
	var names []string
	for _, d := range l {
		names = append(names, d.Name)
	}
	return core.LayerInfo{Name: "fallback", Phase: core.PhaseFallback, Summary: strings.Join(names, ", "), Legs: l}
}
func (l legs) Wrap(next core.Store) (core.Store, error) { return &pass{next: next}, nil }

func drawn(t *testing.T) map[string]*compose.Stack {
	t.Helper()
	prod := build(t, &fake{}, compose.Named("prod"), compose.Backend("delta"),
		compose.With(with(core.LayerInfo{Name: "crypto", Phase: core.PhaseCrypto, Summary: "email"})))
	staging := build(t, &fake{}, compose.Named("staging"), compose.Backend("duckdb"),
		compose.With(legs{prod.Describe()}, with(core.LayerInfo{Name: "cache", Phase: core.PhaseEvolve, Copies: true, Summary: "256 MiB"}),
			with(core.LayerInfo{Name: "crypto", Phase: core.PhaseCrypto, Summary: "email, phone"})),
		compose.Accept(compose.PlaintextCache, "one tenant; the machine's memory is encrypted"))
	return map[string]*compose.Stack{
		"bare": build(t, &fake{}),
		"dev": build(t, &fake{}, compose.Named("dev"), compose.Backend("memory"), compose.With(
			with(core.LayerInfo{Name: "logging", Phase: core.PhaseObserve, Summary: "info: write evolve"}),
			with(core.LayerInfo{Name: "rbac", Phase: core.PhaseAccess, Summary: "3 roles"}),
			legs{staging.Describe(), {Name: "archive", Backend: "sql"}},
			with(core.LayerInfo{Name: "cache", Phase: core.PhaseCache, Persists: true}))),
		"hostile": build(t, &fake{}, compose.Named("a\"b\n<script>"), compose.Backend("`x`\x1b[31m"), compose.With(
			with(core.LayerInfo{Name: "l[o](g)\t;", Phase: core.PhaseObserve, Summary: "a --> b & c"}))),
	}
}

func TestDrawings(t *testing.T) {
	for name, s := range drawn(t) {
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", s.String())
		golden(t, name+".mmd", s.Mermaid())
		golden(t, name+".json", string(text)+"\n")

		d := compose.Describe(s)
		if d.String() != s.String() || d.Mermaid() != s.Mermaid() {
			t.Errorf("%s: Describe draws another stack", name)
		}
		var back core.Description
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, s.Describe()) {
			t.Errorf("%s: JSON does not read back: %v\n%+v\n%+v", name, err, back, s.Describe())
		}
	}
}

func TestDescribePlainStores(t *testing.T) {
	if got := compose.Describe(&fake{}).Backend; got != "compose_test" {
		t.Errorf("got %q", got)
	}
	if got := compose.Describe(nil).String(); !strings.HasPrefix(got, "stack\n") {
		t.Errorf("got %q", got)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	storetest.Golden(t, filepath.Join("testdata", name), got)
}
