package memory_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func planOf(tb testing.TB, f core.FeatureSpec) *core.Plan {
	tb.Helper()
	g, err := core.NewGraph(f)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := g.Plan(f.Key)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func write(tb testing.TB, s core.Store, req core.WriteRequest) core.Commit {
	tb.Helper()
	c, err := s.Write(tb.Context(), req)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// collect reads everything; the caller releases it.
func collect(tb testing.TB, s core.Store, req core.ReadRequest) []arrow.RecordBatch {
	tb.Helper()
	rows, err := s.Read(tb.Context(), req)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := rows.Collect()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}
