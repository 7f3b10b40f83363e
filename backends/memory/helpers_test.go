package memory_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func planOf(t testing.TB, f core.FeatureSpec) *core.Plan {
	t.Helper()
	g, err := core.NewGraph(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, s core.Store, req core.WriteRequest) core.Commit {
	t.Helper()
	c, err := s.Write(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// collect reads everything; the caller releases it.
func collect(t testing.TB, s core.Store, req core.ReadRequest) []arrow.RecordBatch {
	t.Helper()
	rows, err := s.Read(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	out, err := rows.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
