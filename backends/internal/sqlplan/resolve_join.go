package sqlplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/version"
)

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
