package sqlplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/version"
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

// upstream adds u0, u1, … with keys, carried columns and the versions that are used.
func (w *resolveWriter) upstream(i int, u core.UpstreamPlan, s *Side) {
	var columns, some []string
	for j, k := range s.Keys {
		columns = append(columns, fmt.Sprintf("%s AS k%d", k, j))
		some = append(some, k+" IS NOT NULL")
	}
	for j, c := range s.Carry {
		columns = append(columns, fmt.Sprintf("%s AS c%d", c, j))
	}
	grouped := u.Lineage == core.Aggregation
	for j, c := range w.used(u.Feature) {
		v := s.Version(c)
		switch {
		case grouped:
			if v == "" {
				v = "''"
			} else if v = "coalesce(" + v + ", '')"; s.Escapes {
				v = w.d.Escape(v)
			}
			v = w.d.SHA256(w.d.Aggregate(v, s.Order))
		case v == "":
			v = "''"
		}
		columns = append(columns, fmt.Sprintf("%s AS v%d", v, j))
	}
	sql := "SELECT " + list(columns) + " FROM " + s.From
	if grouped {
		sql += Where(append([]string{s.Where}, some...)...) + " GROUP BY " + list(s.Keys)
	} else {
		sql += Where(s.Where)
	}
	w.with(fmt.Sprint("u", i), sql)
}

// used lists the containers of an upstream that enter some version, in the order of the columns v0, v1, ….
func (w *resolveWriter) used(key core.FeatureKey) []string {
	var names []string
	for _, c := range w.in.Plan.Containers {
		for _, in := range c.Inputs {
			if in.Feature == key && !slices.Contains(names, in.Container) {
				names = append(names, in.Container)
			}
		}
	}
	return names
}

// deciding lists the upstreams that say which samples there are: the required ones that have the whole key, or else the optional ones that do.
func (w *resolveWriter) deciding() []int {
	p := w.in.Plan
	var out []int
	for _, optional := range []bool{false, true} {
		for i, u := range p.Upstream {
			if p.Drives(u) && u.Optional == optional && (len(out) == 0 || p.Upstream[out[0]].Optional == optional) {
				out = append(out, i)
			}
		}
	}
	return out
}

// decided reports whether any deciding upstream holds something.
func (w *resolveWriter) decided() bool {
	return slices.ContainsFunc(w.deciding(), func(i int) bool { return w.in.Upstream[i] != nil })
}

// nothing adds an e without rows, its keys of the types that are held.
func (w *resolveWriter) nothing() {
	var columns []string
	from := "(SELECT 1)"
	for i := range w.in.Plan.ResolveKey {
		key := "NULL"
		if w.in.Held != nil {
			key, from = w.in.Held.Keys[i], w.in.Held.From
		}
		columns = append(columns, fmt.Sprintf("%s AS k%d", key, i))
	}
	for i := range w.in.Carried {
		columns = append(columns, fmt.Sprintf("NULL AS c%d", i))
	}
	for i := range w.in.Plan.Containers {
		columns = append(columns, fmt.Sprintf("'' AS v%d", i))
	}
	w.with("e", "SELECT "+list(columns)+" FROM "+from+" WHERE FALSE")
}

// join writes the FROM clause over the upstreams, and each column of the resolve key. Those that do not decide are joined to those that do.
func (w *resolveWriter) join() (from string, keys []string) {
	p := w.in.Plan
	deciding := w.deciding()
	var others []int
	for i := range p.Upstream {
		if !slices.Contains(deciding, i) {
			others = append(others, i)
		}
	}
	deciding = slices.DeleteFunc(deciding, func(i int) bool { return w.in.Upstream[i] == nil })
	keys = make([]string, len(p.ResolveKey))
	var lacking []string
	for n, i := range deciding {
		if n == 0 {
			from = fmt.Sprint("u", i)
		} else {
			from += fmt.Sprintf(" FULL OUTER JOIN u%d ON %s", i, w.on(i, keys))
		}
		for k := range keys {
			own := fmt.Sprintf("u%d.k%d", i, k)
			if keys[k] == "" {
				keys[k] = own
			} else {
				keys[k] = "coalesce(" + keys[k] + ", " + own + ")"
			}
		}
		if len(deciding) > 1 && !p.Upstream[i].Optional {
			lacking = append(lacking, fmt.Sprintf("u%d.k0 IS NULL", i))
		}
	}
	for _, i := range others {
		if w.in.Upstream[i] == nil {
			continue
		}
		from += fmt.Sprintf(" LEFT JOIN u%d ON %s", i, w.on(i, keys))
		if !p.Upstream[i].Optional {
			lacking = append(lacking, fmt.Sprintf("u%d.k0 IS NULL", i))
		}
	}
	w.missing = strings.Join(lacking, " OR ")
	return from, keys
}

// on joins upstream i to what was joined before.
func (w *resolveWriter) on(i int, keys []string) string {
	p := w.in.Plan
	conditions := make([]string, len(p.Upstream[i].Key))
	for j, c := range p.Upstream[i].Key {
		conditions[j] = fmt.Sprintf("%s = u%d.k%d", keys[slices.Index(p.ResolveKey, c)], i, j)
	}
	return strings.Join(conditions, " AND ")
}

// version writes the digest of a container: version.SHA256's preimage.
func (w *resolveWriter) version(c core.ContainerPlan) string {
	parts, text := []string{}, c.Name+"|"+c.Code
	for _, in := range c.Inputs { // in the order of the scheme
		at := slices.IndexFunc(w.in.Plan.Upstream, func(u core.UpstreamPlan) bool { return u.Feature == in.Feature })
		text += "|" + in.Feature.Dotted() + "/" + in.Container + "|"
		side := w.in.Upstream[at]
		if side == nil {
			continue
		}
		v := fmt.Sprintf("u%d.v%d", at, slices.Index(w.used(in.Feature), in.Container))
		if side.Escapes && w.in.Plan.Upstream[at].Lineage != core.Aggregation {
			v = w.d.Escape(v)
		}
		parts = append(parts, w.d.Text(text), v)
		text = ""
	}
	if text != "" || len(parts) == 0 {
		parts = append(parts, w.d.Text(text))
	}
	if len(parts) == 1 {
		return w.d.Text(string(version.SHA256.Compile(c.VersionSpec()).Append(nil, make([][]byte, len(c.Inputs)))))
	}
	return w.d.SHA256(w.d.Concat(parts...))
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
