package rbac

import (
	"context"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Evolve is core.Store's. The columns that change must be the caller's to read,
// and no rule, whoever it is about, may lose the column that it names: who
// administers the feature, and could change the rule as well, may do that.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	var columns []string
	for _, ch := range req.Changes {
		columns = append(columns, changed(ch)...)
	}
	c, err := s.begin(ctx, call{op: core.OpEvolve, key: req.Key, columns: columns}, req.Check)
	if err != nil {
		return core.Info{}, err
	}
	a := c.access(req.Key)
	if err := c.decide(firstError(c.allowed(&a, req.Key), c.columnsRead(&a, req.Key, columns), c.rulesKept(&a, req))); err != nil {
		return core.Info{}, err
	}
	info, err := s.next.Evolve(ctx, req)
	if err := c.ended(-1, err); err != nil {
		return core.Info{}, err
	}
	return c.shown(&a, info), nil
}

// changed names the columns that a change is about.
func changed(ch core.SchemaChange) []string {
	if ch.To == "" {
		return []string{ch.Column}
	}
	return []string{ch.Column, ch.To}
}

// rulesKept: rules name columns, so a change of names could take what they
// protect away from them. A row rule keeps its columns as they are. Of a column
// that is kept from somebody every rule has to go on holding.
func (c *calling) rulesKept(a *access, req core.EvolveRequest) error {
	if a.may(admin) {
		return nil
	}
	var columns []Rule
	for _, r := range c.index.rules {
		switch {
		case r.kind != row && r.kind != column || !matchFeature(string(req.Key), r.Feature()):
		case r.kind == column:
			columns = append(columns, r)
		default:
			if err := c.rowRuleKept(r, req); err != nil {
				return err
			}
		}
	}
	for _, ch := range req.Changes {
		if ch.To != "" && loses(columns, ch.Column, ch.To) {
			return denied("%s may not rename column %q of %s without %q: not every rule about it is one about %q",
				c.id.Name, clip(ch.Column), req.Key, ActionAdmin, clip(ch.To))
		}
	}
	return nil
}

func (c *calling) rowRuleKept(r Rule, req core.EvolveRequest) error {
	filter, err := expr.Parse(r.fields[2])
	if err != nil {
		return denied("a row rule cannot be read") // compile has read it
	}
	used := expr.Columns(filter)
	for _, ch := range req.Changes {
		for _, name := range changed(ch) {
			if slices.Contains(used, name) {
				return denied("%s may not %s column %q of %s without %q: a row rule uses it", c.id.Name, ch.Kind, clip(name), req.Key, ActionAdmin)
			}
		}
	}
	return nil
}

func about(column string, r Rule) bool {
	return matchColumn(column, r.fields[2]) || nestedIn(column, r.fields[2])
}

// loses reports whether a column that is kept from somebody is under other
// rules by its new name: fewer that protect it, or more that show it.
func loses(rules []Rule, from, to string) bool {
	protected, same := false, true
	for _, r := range rules {
		before := about(from, r)
		protected = protected || before && r.fields[3] != ShowRead.String()
		same = same && before == about(to, r)
	}
	return protected && !same
}
