//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
)

// quick is a resolve that starts from a marker: it looks at the candidates alone, whose answer may have changed since, and knows of all
// other samples that they are unchanged. The candidates are
//
//   - what was outstanding at the marker,
//   - the samples of later commits of the feature itself,
//   - the samples that a later commit of an upstream touches: as they were and as they are, since rows move between the groups of an N:1
//     dependency; all samples below a parent that changed.
//
// The statement is the one of a full resolve over tables narrowed to the candidates. Nothing but the choice of samples differs, so the
// answer for a candidate is the full one, whatever the kinds of dependencies, filters and renames.
type quick struct {
	at    []point // the feature itself, then its upstreams
	since []int64 // rows that came to each
	rest  []int64 // candidates of which no such row tells how they are
	count int64   // candidates
	held  int64   // what finish counts where the plan expands
}

const (
	candidates = "metaxy_candidates" // a temporary table; it goes with the transaction
	rowsOf     = "metaxy_t"          // the name of a table that is narrowed
)

// candidate is a column of the candidates: a part of the resolve key.
func candidate(i int) string { return fmt.Sprint("metaxy_k", i) }

// seen is a column of the candidates: a row that came since the marker tells how the sample is.
func seen(side int) string { return fmt.Sprint("metaxy_seen", side) }

// total counts the rows that a full resolve reads.
func (r *resolver) total() int64 {
	n := int64(0)
	for _, m := range append(slices.Clone(r.metas), r.held) {
		if m != nil {
			n += m.total
		}
	}
	return n
}

// quicken narrows the input to the candidates, if there is a marker to start from and they are few. An error leaves the resolver unfit for
// anything but being made anew.
func (r *resolver) quicken(ctx context.Context, c *conn) error {
	marking, total := r.s.marking, r.total()
	if r.held == nil || total < marking.least {
		return nil
	}
	m, err := r.loadMarker(ctx, c)
	if err != nil || m == nil {
		return err
	}
	since, ok, err := tails(ctx, c, m.at)
	if err != nil || !ok {
		return err
	}
	q := &quick{at: m.at, since: since, rest: make([]int64, len(since)), held: m.held}
	most := total / marking.use
	if q.added()+m.outstanding > most {
		return nil
	}
	if q.added()+m.outstanding > 0 {
		if err := q.find(ctx, c, r, m); err != nil || q.count > most {
			return err
		}
	}
	return q.narrow(ctx, c, r)
}

// added counts the rows that came since the marker.
func (q *quick) added() int64 {
	n := int64(0)
	for _, s := range q.since {
		n += s
	}
	return n
}

// find makes the table of candidates.
func (q *quick) find(ctx context.Context, c *conn, r *resolver, m *marker) error {
	sources := q.sources(r)
	if m.outstanding > 0 {
		if err := r.complete(ctx, c, m); err != nil {
			return err
		}
		columns := r.candidateColumns()
		for side := range q.since {
			columns = append(columns, "FALSE AS "+seen(side))
		}
		sources = append(sources, "SELECT "+strings.Join(columns, ", ")+" FROM "+outstandingTable(r.plan.Key()))
	}
	flags := make([]string, len(q.since))
	counts := []string{"count(*)"}
	for side := range flags {
		flags[side] = fmt.Sprintf("bool_or(%[1]s) AS %[1]s", seen(side))
		counts = append(counts, "count(*) FILTER (WHERE NOT "+seen(side)+")")
	}
	keys := strings.Join(r.candidateColumns(), ", ")
	_, err := c.exec(ctx, "CREATE TEMPORARY TABLE "+candidates+" AS SELECT "+keys+", "+strings.Join(flags, ", ")+
		" FROM ("+strings.Join(sources, "\nUNION ALL ")+") GROUP BY "+keys)
	if err != nil {
		return err
	}
	rows, err := c.rows(ctx, "SELECT "+strings.Join(counts, ", ")+" FROM temp."+candidates)
	if err != nil {
		return err
	}
	into := []any{&q.count}
	for i := range q.rest {
		into = append(into, &q.rest[i])
	}
	return scan(rows[0], into...)
}

func (r *resolver) candidateColumns() []string {
	out := make([]string, len(r.plan.ResolveKey))
	for i := range out {
		out[i] = candidate(i)
	}
	return out
}

// sources are statements for the samples that later commits touch.
func (q *quick) sources(r *resolver) []string {
	var out []string
	for n, s := range r.sides() {
		if s == nil || q.since[n] == 0 {
			continue
		}
		if len(s.on) == len(r.plan.ResolveKey) {
			columns := make([]string, len(s.on))
			for j, at := range s.on {
				columns[at] = s.Keys[j] + " AS " + candidate(at)
			}
			for side := range q.since {
				columns = append(columns, fmt.Sprintf("%t AS %s", side == n && s.unique, seen(side)))
			}
			out = append(out, q.changes(n, s, columns)...)
			continue
		}
		// A part of the key: all samples that any side with the whole of it has.
		parts := make([]string, len(s.on))
		for j := range parts {
			parts[j] = s.Keys[j] + " AS " + candidate(s.on[j])
		}
		changed := strings.Join(q.changes(n, s, parts), " UNION ALL ")
		for _, whole := range r.sides() {
			if whole == nil || len(whole.on) < len(r.plan.ResolveKey) {
				continue
			}
			columns := make([]string, len(whole.on))
			for j, at := range whole.on {
				columns[at] = rowsOf + "." + whole.Keys[j] + " AS " + candidate(at)
			}
			for side := range q.since {
				columns = append(columns, "FALSE AS "+seen(side))
			}
			out = append(out, "SELECT "+strings.Join(columns, ", ")+" FROM "+whole.table.table()+" AS "+rowsOf+
				" SEMI JOIN ("+changed+") AS c ON "+whole.meets("c", s.on))
		}
	}
	return out
}

// changes are statements for these columns of the rows of a table that came or ended since the marker. Rows with the ids of one that
// ended came too, so that those that ended matter only for columns that are no ids.
func (q *quick) changes(n int, s *narrowed, columns []string) []string {
	var present []string
	for _, k := range s.Keys {
		present = append(present, k+" IS NOT NULL")
	}
	selected := "SELECT " + strings.Join(columns, ", ") + " FROM " + s.table.table() + " WHERE " + strings.Join(present, " AND ")
	out := []string{selected + fmt.Sprintf(" AND %s > %d", core.ColCommit, q.at[n].Seq)}
	if !s.stable && q.at[n].Seq > 0 {
		out = append(out, selected+fmt.Sprintf(" AND %s > %d", colUntil, q.at[n].Seq))
	}
	return out
}

// narrow puts the candidates into the input.
func (q *quick) narrow(ctx context.Context, c *conn, r *resolver) error {
	r.heldFrom = r.in.Held.From
	for n, s := range r.sides() {
		if s != nil {
			s.From = q.from(n, s)
		}
	}
	r.quick = q
	if q.count == 0 || r.req.Filter != nil || !r.plan.Expands() {
		return nil
	}
	h := r.in.Held
	count := func(state string) string {
		return "(SELECT count(*) FROM (SELECT 1 FROM " + h.From + sqlplan.Where(state) + " GROUP BY " + strings.Join(h.Keys, ", ") + "))"
	}
	rows, err := c.rows(ctx, "SELECT "+count(r.held.state("", r.held.generation, false))+" - "+count(r.held.state("", q.at[0].Seq, false)))
	if err != nil {
		return err
	}
	var more int64
	err = scan(rows[0], &more)
	q.held += more
	return err
}

// from is the part of a table that the candidates need. Where a row that came since the marker tells how a sample is, only the others are
// looked for among the older rows, which is most of the work.
func (q *quick) from(n int, s *narrowed) string {
	table := s.table.table()
	all := "SELECT * FROM " + table
	join := func(which string) string {
		return all + " AS " + rowsOf + " SEMI JOIN (SELECT * FROM temp." + candidates + which + ") AS c ON " + s.meets("c", s.on)
	}
	var parts []string
	switch {
	case q.count == 0:
	case !s.unique:
		parts = append(parts, join(""))
	default:
		if q.since[n] > 0 {
			parts = append(parts, all+fmt.Sprintf(" WHERE %s > %d", core.ColCommit, q.at[n].Seq))
		}
		if q.rest[n] > 0 && q.at[n].Seq > 0 {
			parts = append(parts, join(" WHERE NOT "+seen(n))+fmt.Sprintf(" WHERE %s <= %d", core.ColCommit, q.at[n].Seq))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, all+" WHERE FALSE")
	}
	return "(" + strings.Join(parts, " UNION ALL ") + ") AS " + rowsOf
}

// narrowed is a side of a resolve with what narrowing it takes.
type narrowed struct {
	*sqlplan.Side
	table  *meta
	on     []int // for each of Side.Keys its place in the resolve key
	stable bool  // they are ids: no version of a row has others
	unique bool  // and all of them: a sample has one row
}

// sides are the feature itself and its upstreams, nil for what holds nothing.
func (r *resolver) sides() []*narrowed {
	side := func(s *sqlplan.Side, m *meta, key []string, original func(string) string) *narrowed {
		if s == nil {
			return nil
		}
		out := &narrowed{Side: s, table: m, stable: true}
		columns := map[string]bool{}
		for _, k := range key {
			out.on = append(out.on, slices.Index(r.plan.ResolveKey, k))
			columns[original(k)] = true
			out.stable = out.stable && slices.Contains(m.id, original(k))
		}
		out.unique = out.stable && len(columns) == len(m.id) && len(key) == len(r.plan.ResolveKey)
		return out
	}
	out := []*narrowed{side(r.in.Held, r.held, r.plan.ResolveKey, func(k string) string { return k })}
	for i, u := range r.plan.Upstream {
		out = append(out, side(r.in.Upstream[i], r.metas[i], u.Key, u.Original))
	}
	return out
}

// meets is the condition that a row meets one of another table on these parts of the resolve key, which are columns named candidate there.
func (s *narrowed) meets(other string, parts []int) string {
	var conditions []string
	for j, at := range s.on {
		if slices.Contains(parts, at) {
			conditions = append(conditions, fmt.Sprintf("%s.%s = %s.%s", rowsOf, s.Keys[j], other, candidate(at)))
		}
	}
	return strings.Join(conditions, " AND ")
}
