package sqlplan

import (
	"fmt"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// Side is one table of a resolve: an upstream, the samples of a root feature, or what the feature itself holds.
type Side struct {
	From  string   // the table
	Where string   // which of its rows are there, "" for all
	Keys  []string // the columns on which it meets the others, in the order of UpstreamPlan.Key or Plan.ResolveKey
	// Version is the column of a container's version, "" when no row has one.
	Version func(container string) string
	Escapes bool     // some version may hold "|" or "\"
	Order   string   // of an N:1 upstream: the canonical text of its ids
	Carry   []string // columns that the answer carries, in the order of the request
}

// Input says what a resolve compares. All sides are of one moment.
type Input struct {
	Plan     *core.Plan
	Upstream []*Side // as in the plan; nil for an optional one that holds nothing
	Samples  *Side   // of a root feature, instead of Upstream
	Held     *Side   // nil when the feature holds nothing
	Carried  []int   // for each carried column the upstream that has it
}

// The values of a row's status.
const (
	New = iota
	Stale
	Orphaned
	Missing
)

// Resolve writes one statement whose rows are the new, stale, orphaned and missing samples. Its columns are
//
//	s            status
//	k0, k1, …    the resolve key
//	c0, c1, …    carried columns
//	v0, v1, …    the versions, by container of the plan
//	d0, d1, …    whether they differ from what is held; only if there is something
//
// Where Plan.Expands, an orphan stands for the children of one parent; [Orphans] lists them.
func Resolve(d Dialect, in Input) string {
	w := resolveWriter{d: d, in: in}
	w.expected()
	n := len(in.Plan.Containers)
	status := "0"
	if w.missing != "" {
		status = fmt.Sprintf("CASE WHEN e.m THEN %d ELSE %d END", Missing, New)
	}
	columns := w.outer("e.")
	if in.Held == nil {
		return "WITH " + strings.Join(w.ctes, ",\n") + "\nSELECT CAST(" + status + " AS TINYINT) AS s, " + list(columns) + "\nFROM e"
	}
	w.held()
	for i := range in.Plan.ResolveKey {
		columns[i] = fmt.Sprintf("coalesce(e.k%d, h.k%d) AS k%d", i, i, i)
	}
	differs := make([]string, n)
	for i := range n {
		differs[i] = fmt.Sprintf("e.v%d IS DISTINCT FROM h.v%d", i, i)
		if n == 1 {
			columns = append(columns, "TRUE AS d0") // a stale sample differs in something
		} else {
			columns = append(columns, fmt.Sprintf("(%s) AS d%d", differs[i], i))
		}
	}
	status = fmt.Sprintf("CASE WHEN e.k0 IS NULL THEN %d WHEN h.k0 IS NULL THEN %s ELSE %d END", Orphaned, status, Stale)
	return "WITH " + strings.Join(w.ctes, ",\n") +
		"\nSELECT CAST(" + status + " AS TINYINT) AS s, " + list(columns) +
		"\nFROM e FULL OUTER JOIN h ON " + w.meet() +
		"\nWHERE " + strings.Join(differs, " OR ") + " OR e.k0 IS NULL" // an expected version is never null, one that is held may be
}

// Orphans writes a statement for the rows held whose parent is not expected, with these columns of the table.
func Orphans(d Dialect, in Input, columns []string) string {
	w := resolveWriter{d: d, in: in}
	w.expected()
	conditions := make([]string, len(in.Held.Keys))
	for i, k := range in.Held.Keys {
		conditions[i] = fmt.Sprintf("e.k%d = %s", i, k)
	}
	if w.missing != "" {
		conditions = append(conditions, "NOT e.m")
	}
	return "WITH " + strings.Join(w.ctes, ",\n") + "\nSELECT " + list(columns) + "\nFROM " + in.Held.From +
		Where(in.Held.Where, "NOT EXISTS (SELECT 1 FROM e WHERE "+strings.Join(conditions, " AND ")+")")
}

type resolveWriter struct {
	d       Dialect
	in      Input
	ctes    []string
	missing string // condition over the joined upstreams for a sample that lacks a required one, "" when none can
}

// outer lists the columns of e.
func (w *resolveWriter) outer(prefix string) []string {
	var out []string
	add := func(letter string, n int) {
		for i := range n {
			out = append(out, fmt.Sprintf("%s%s%d", prefix, letter, i))
		}
	}
	add("k", len(w.in.Plan.ResolveKey))
	add("c", len(w.in.Carried))
	add("v", len(w.in.Plan.Containers))
	return out
}

func (w *resolveWriter) with(name, sql string) {
	w.ctes = append(w.ctes, name+" AS ("+sql+")")
}

// expected adds e: what there should be.
func (w *resolveWriter) expected() {
	p := w.in.Plan
	if w.in.Samples != nil {
		var columns []string
		for i, k := range w.in.Samples.Keys {
			columns = append(columns, fmt.Sprintf("%s AS k%d", k, i))
		}
		for i, c := range w.in.Samples.Carry {
			columns = append(columns, fmt.Sprintf("%s AS c%d", c, i))
		}
		for i, c := range p.Containers {
			columns = append(columns, fmt.Sprintf("%s AS v%d", w.in.Samples.Version(c.Name), i))
		}
		w.with("e", "SELECT "+list(columns)+" FROM "+w.in.Samples.From+Where(w.in.Samples.Where))
		return
	}
	for i, u := range p.Upstream {
		if s := w.in.Upstream[i]; s != nil {
			w.upstream(i, u, s)
		}
	}
	if !w.decided() {
		w.nothing()
		return
	}
	from, keys := w.join()
	columns := make([]string, 0, len(keys))
	for i, k := range keys {
		columns = append(columns, fmt.Sprintf("%s AS k%d", k, i))
	}
	nth := map[int]int{}
	for i, u := range w.in.Carried {
		columns = append(columns, fmt.Sprintf("u%d.c%d AS c%d", u, nth[u], i))
		nth[u]++
	}
	for i, c := range p.Containers {
		columns = append(columns, fmt.Sprintf("%s AS v%d", w.version(c), i))
	}
	if w.missing != "" {
		columns = append(columns, "("+w.missing+") AS m")
	}
	w.with("e", "SELECT "+list(columns)+" FROM "+from)
}

// held adds h: what there is. The children of one parent agree with it when the least and the greatest of their versions do and none is null.
func (w *resolveWriter) held() {
	h := w.in.Held
	var columns []string
	for i, k := range h.Keys {
		columns = append(columns, fmt.Sprintf("%s AS k%d", k, i))
	}
	if w.missing != "" {
		columns = append(columns, "FALSE AS m")
	}
	expands := w.in.Plan.Expands()
	for i, c := range w.in.Plan.Containers {
		v := h.Version(c.Name)
		switch {
		case v == "":
			columns = append(columns, fmt.Sprintf("CAST(NULL AS VARCHAR) AS v%d", i))
		case expands:
			columns = append(columns, fmt.Sprintf("CASE WHEN min(%[1]s) = max(%[1]s) AND count(*) = count(%[1]s) THEN min(%[1]s) END AS v%[2]d", v, i))
		default:
			columns = append(columns, fmt.Sprintf("%s AS v%d", v, i))
		}
	}
	sql := "SELECT " + list(columns) + " FROM " + h.From + Where(h.Where)
	if expands {
		sql += " GROUP BY " + list(h.Keys)
	}
	w.with("h", sql)
}

// meet writes how e and h are joined. A sample that lacks a required upstream meets nothing, so that it counts as missing and what is held of
// it as an orphan.
func (w *resolveWriter) meet() string {
	conditions := make([]string, len(w.in.Plan.ResolveKey))
	for i := range conditions {
		conditions[i] = fmt.Sprintf("e.k%d = h.k%d", i, i)
	}
	if w.missing != "" {
		conditions = append(conditions, "e.m = h.m")
	}
	return strings.Join(conditions, " AND ")
}
