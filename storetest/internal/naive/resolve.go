package naive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// Row is the latest live row of a sample: strings and int64s by column, and the
// data version by container, where a null is left out.
type Row struct {
	Cells    map[string]any
	Versions map[string]string
}

// Tables is what each feature holds; one that has no commit is left out.
type Tables map[core.FeatureKey][]Row

// Answer is what a resolve must give: rows as text, sorted.
type Answer struct {
	New, Stale, Orphaned, Missing []string
	Unchanged                     int64
	StaleBy                       map[string]int64
}

// upstream is one dependency's rows by the text of their key.
type upstream struct {
	plan core.UpstreamPlan
	rows map[string][]Row // cells by their names here
}

// Resolve computes the answer for a feature with upstream. It is ErrDependency
// when a required upstream is not held.
func Resolve(req core.ResolveRequest, held Tables) (Answer, error) {
	p := req.Plan
	var ups []upstream
	for _, u := range p.Upstream {
		rows, ok := held[u.Feature]
		if !ok && !u.Optional {
			return Answer{}, core.ErrDependency
		}
		up := upstream{u, map[string][]Row{}}
		for _, r := range rows {
			r = renamed(u, r)
			if Eval(u.Filter, cell(r)) == True {
				up.rows[text(r, u.Key)] = append(up.rows[text(r, u.Key)], r)
			}
		}
		ups = append(ups, up)
	}
	// Required upstreams that have the whole key decide which samples there
	// are; only where there is none, the optional ones do.
	required := slices.ContainsFunc(ups, func(u upstream) bool { return p.Drives(u.plan) && !u.plan.Optional })
	candidates := map[string]Row{} // by resolve key: any row that has its columns
	for _, u := range ups {
		if !p.Drives(u.plan) || required && u.plan.Optional {
			continue
		}
		for k, rows := range u.rows {
			candidates[k] = rows[0]
		}
	}
	a := Answer{StaleBy: map[string]int64{}}
	met := map[string]bool{}
	for k, c := range candidates {
		if Eval(req.Filter, cell(c)) != True {
			continue
		}
		if lacks(ups, c) {
			a.Missing = append(a.Missing, line(c, p.ResolveKey))
			continue
		}
		met[k] = true
		a.decide(req, ups, c, held[p.Key()])
	}
	for _, h := range held[p.Key()] {
		if !met[text(h, p.ResolveKey)] && Eval(req.Filter, cell(h)) == True {
			a.Orphaned = append(a.Orphaned, line(h, p.Feature.ID))
		}
	}
	a.sort()
	return a, nil
}

// Root computes the answer for a feature without upstream.
func Root(req core.ResolveRequest, samples []Row, held []Row) Answer {
	a := Answer{StaleBy: map[string]int64{}}
	met := map[string]bool{}
	for _, s := range samples {
		if Eval(req.Filter, cell(s)) != True {
			continue
		}
		met[text(s, req.Plan.ResolveKey)] = true
		a.judge(req, s, s.Versions, held)
	}
	for _, h := range held {
		if !met[text(h, req.Plan.ResolveKey)] && Eval(req.Filter, cell(h)) == True {
			a.Orphaned = append(a.Orphaned, line(h, req.Plan.Feature.ID))
		}
	}
	a.sort()
	return a
}

func lacks(ups []upstream, c Row) bool {
	for _, u := range ups {
		if !u.plan.Optional && len(u.rows[text(c, u.plan.Key)]) == 0 {
			return true
		}
	}
	return false
}

// decide computes the versions of one candidate and compares.
func (a *Answer) decide(req core.ResolveRequest, ups []upstream, c Row, held []Row) {
	fresh := map[string]string{}
	cells := map[string]any{}
	for _, k := range req.Plan.ResolveKey {
		cells[k] = c.Cells[k]
	}
	for _, u := range ups {
		rows := u.rows[text(c, u.plan.Key)]
		for _, name := range req.Columns {
			if _, have := cells[name]; !have && len(rows) > 0 && u.plan.Carries(name) {
				if v, ok := rows[0].Cells[name]; ok {
					cells[name] = v
				}
			}
		}
	}
	for _, k := range req.Plan.Containers {
		preimage := k.Name + "|" + k.Code
		for _, in := range k.Inputs { // sorted by the plan
			preimage += "|" + in.Feature.Dotted() + "/" + in.Container + "|" + escaped(input(ups, c, in))
		}
		fresh[k.Name] = digest(preimage)
	}
	a.judge(req, Row{Cells: cells}, fresh, held)
}

func input(ups []upstream, c Row, in core.ContainerRef) string {
	for _, u := range ups {
		if u.plan.Feature != in.Feature {
			continue
		}
		rows := u.rows[text(c, u.plan.Key)]
		if len(rows) == 0 {
			return ""
		}
		if u.plan.Lineage != core.Aggregation {
			return rows[0].Versions[in.Container]
		}
		ids := make([]string, len(u.plan.ID))
		for i, id := range u.plan.ID {
			ids[i] = u.plan.Renamed(id)
		}
		slices.SortFunc(rows, func(x, y Row) int { return strings.Compare(text(x, ids), text(y, ids)) })
		var parts []string
		for _, r := range rows {
			parts = append(parts, escaped(r.Versions[in.Container]))
		}
		return digest(strings.Join(parts, "|"))
	}
	panic("naive: an input without a dependency")
}

// judge says whether a sample is new, stale or unchanged.
func (a *Answer) judge(req core.ResolveRequest, c Row, fresh map[string]string, held []Row) {
	p := req.Plan
	found := false
	var stale []string
	for _, k := range p.ContainerNames() {
		for _, h := range held {
			if text(h, p.ResolveKey) != text(c, p.ResolveKey) {
				continue
			}
			found = true
			if v, ok := h.Versions[k]; (!ok || v != fresh[k]) && !slices.Contains(stale, k) {
				stale = append(stale, k)
			}
		}
	}
	l := line(c, slices.Concat(p.ResolveKey, req.Columns)) + versions(p.ContainerNames(), fresh)
	switch {
	case !found:
		a.New = append(a.New, l)
	case len(stale) > 0:
		for i, s := range stale {
			a.StaleBy[s]++
			stale[i] = fmt.Sprintf("%q", s)
		}
		a.Stale = append(a.Stale, l+" metaxy_stale=["+strings.Join(stale, ",")+"]")
	default:
		a.Unchanged++
	}
}

func (a *Answer) sort() {
	for _, l := range [][]string{a.New, a.Stale, a.Orphaned, a.Missing} {
		slices.Sort(l)
	}
}

func renamed(u core.UpstreamPlan, r Row) Row {
	out := Row{Cells: map[string]any{}, Versions: r.Versions}
	for name, v := range r.Cells {
		out.Cells[u.Renamed(name)] = v
	}
	return out
}

func cell(r Row) func(path []string) any {
	return func(path []string) any {
		if len(path) == 2 {
			if v, ok := r.Versions[path[1]]; ok {
				return v
			}
			return nil
		}
		return r.Cells[path[0]]
	}
}

// text is the canonical text of some columns.
func text(r Row, names []string) string {
	if len(names) == 1 {
		return fmt.Sprint(r.Cells[names[0]])
	}
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = escaped(fmt.Sprint(r.Cells[n]))
	}
	return strings.Join(parts, "|")
}

// line prints columns as the suite prints rows.
func line(r Row, names []string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		switch v := r.Cells[n].(type) {
		case nil:
			parts[i] = n + "=null"
		case string:
			parts[i] = fmt.Sprintf("%s=%q", n, v)
		default:
			parts[i] = fmt.Sprintf("%s=%v", n, v)
		}
	}
	return strings.Join(parts, " ")
}

func versions(names []string, v map[string]string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = fmt.Sprintf("%s:%q", n, v[n])
	}
	return " data_version={" + strings.Join(parts, ",") + "}"
}

func escaped(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "|", `\|`)
}

func digest(preimage string) string {
	sum := sha256.Sum256([]byte(preimage))
	return hex.EncodeToString(sum[:])
}
