package storetest

import (
	"fmt"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// IncrementLines is an increment as text, for comparison whatever its batches
// and their order: every part with its rows, then the counts.
func IncrementLines(inc core.Increment) ([]string, error) {
	var out []string
	for _, part := range []struct {
		name string
		rows core.Rows
	}{{"new", inc.New}, {"stale", inc.Stale}, {"orphaned", inc.Orphaned}, {"missing", inc.Missing}} {
		lines, err := Lines(part.rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		for _, l := range lines {
			out = append(out, part.name+" "+l)
		}
	}
	st := inc.Stats
	out = append(out, fmt.Sprintf("stats new %d stale %d orphaned %d unchanged %d missing %d", st.New, st.Stale, st.Orphaned, st.Unchanged, st.Missing))
	for _, c := range slices.Sorted(mapKeys(st.StaleBy)) {
		if st.StaleBy[c] > 0 {
			out = append(out, fmt.Sprintf("stale by %s: %d", c, st.StaleBy[c]))
		}
	}
	for _, k := range slices.Sorted(mapKeys(inc.Basis)) {
		out = append(out, fmt.Sprintf("basis %s: %d", k, inc.Basis[k]))
	}
	return out, nil
}

// incrementLines must succeed.
func (e *env) incrementLines(inc core.Increment) []string {
	e.Helper()
	l, err := IncrementLines(inc)
	if err != nil {
		e.Fatalf("increment: %v", err)
	}
	return l
}

// writeIncrement writes new ∪ stale as they are and retires the orphans.
func writeIncrement(e *env, s core.Store, p *core.Plan, inc core.Increment) error {
	for _, part := range []core.Rows{inc.New, inc.Stale} {
		if part.Schema == nil {
			return fmt.Errorf("an increment's rows have no schema")
		}
		keep := append(slices.Clone(p.ResolveKey), core.ColDataVersion)
		if _, err := s.Write(e.ctx(), core.WriteRequest{Plan: p, Rows: project(part, keep), Basis: inc.Basis}); err != nil {
			return err
		}
	}
	if inc.Stats.Orphaned == 0 {
		return nil
	}
	_, err := s.Write(e.ctx(), core.WriteRequest{Plan: p, Tombstones: true, Rows: inc.Orphaned})
	return err
}

// project keeps these columns, in this order.
func project(rows core.Rows, names []string) core.Rows {
	var at []int
	for _, n := range names {
		i := rows.Schema.FieldIndices(n)
		if len(i) != 1 {
			panic(fmt.Sprintf("storetest: rows have no column %q", n))
		}
		at = append(at, i[0])
	}
	return rows.Pick(at...)
}
