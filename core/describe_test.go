package core_test

import (
	"encoding/json"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// bare is a store of which only its type matters.
type bare struct {
	core.Store
	_ []int // makes the type incomparable
}

type described struct{ core.Store }

func (described) Describe() core.Description {
	return core.Description{Name: "prod", Backend: "duckdb"}
}
func (described) Holds(s core.Store) bool { return s == nil }

func TestDescribeStore(t *testing.T) {
	if d := core.DescribeStore(&bare{}); d.Backend != "core_test" {
		t.Errorf("a backend is called %q", d.Backend)
	}
	if d := core.DescribeStore(nil); d.Backend != "" {
		t.Errorf("no store is called %q", d.Backend)
	}
	if d := core.DescribeStore(described{}); d.Name != "prod" || d.Backend != "duckdb" {
		t.Errorf("%+v", d)
	}
}

func TestStandsOn(t *testing.T) {
	a, b := &bare{}, &bare{}
	for _, c := range []struct {
		outer, inner core.Store
		want         bool
	}{
		{a, a, true}, {a, b, false}, {bare{}, bare{}, false}, {nil, nil, false}, {nil, a, false}, {described{}, nil, true}, {described{}, a, false},
	} {
		if got := core.StandsOn(c.outer, c.inner); got != c.want {
			t.Errorf("StandsOn(%T, %T) = %t", c.outer, c.inner, got)
		}
	}
}

func TestPhaseText(t *testing.T) {
	for p := core.PhaseObserve; p.Valid(); p++ {
		text, err := json.Marshal(core.LayerInfo{Name: "l", Phase: p})
		if err != nil {
			t.Fatal(err)
		}
		var back core.LayerInfo
		if err := json.Unmarshal(text, &back); err != nil || back.Phase != p {
			t.Errorf("%s reads back as %s (%v)", text, back.Phase, err)
		}
	}
	var p core.Phase
	if err := p.UnmarshalText([]byte("nowhere")); err == nil {
		t.Error("an unknown phase was read")
	}
}
