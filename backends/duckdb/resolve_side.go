//go:build cgo && duckdb_arrow

package duckdb

import (
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/internal/sqlplan"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// upstream describes one upstream's table.
func (r *resolver) upstream(i int) (*sqlplan.Side, error) {
	u, m := r.plan.Upstream[i], r.metas[i]
	filter := u.Filter
	for _, c := range expr.Columns(u.Filter) {
		if to, renamed := u.Rename[c]; renamed && u.Original(c) == c {
			return nil, invalidf("the filter on upstream %s uses %q, which is called %q here", u.Feature, c, to)
		}
	}
	for _, term := range expr.Conjuncts(r.req.Filter) {
		if !slices.ContainsFunc(expr.Columns(term), func(c string) bool { return !slices.Contains(u.Key, c) }) {
			filter = expr.And(filter, term)
		}
	}
	if filter != nil {
		filter = expr.Rename(filter, u.Original)
	}
	side, err := r.side(m, filter)
	if err != nil {
		return nil, err
	}
	for _, k := range u.Key {
		at := m.field(u.Original(k))
		if at < 0 {
			return nil, invalidf("upstream %s has no column %q", u.Feature, u.Original(k))
		}
		side.Keys = append(side.Keys, dialect.Ident(m.columns[at]))
	}
	for n, c := range r.req.Columns {
		if r.in.Carried[n] == i {
			side.Carry = append(side.Carry, dialect.Ident(m.columns[m.field(u.Original(c))]))
		}
	}
	if u.Lineage == core.Aggregation {
		if side.Order, err = m.idText(u.ID); err != nil {
			return nil, err
		}
	}
	return side, nil
}

// side is a table with the rows of the present that pass a filter.
func (r *resolver) side(m *meta, filter expr.Expr) (*sqlplan.Side, error) {
	plan, err := core.ReadRequest{Key: m.key, Filter: filter}.Bind(m.info())
	if err != nil {
		return nil, err
	}
	pushed, residual := sqlplan.Split(dialect, filter, pushable(plan.All, func(column string) (string, bool) {
		if at := m.field(column); at >= 0 {
			return dialect.Ident(m.columns[at]), true
		}
		return dialect.Ident(column), column == core.ColCommit
	}))
	if residual != nil {
		return nil, errUniversal
	}
	t := m.versions()
	names := structNames(t)
	column := dialect.Ident(m.columns[m.field(core.ColDataVersion)])
	return &sqlplan.Side{
		From: m.table(), Where: conjunction(m.state("", m.generation, false), pushed), Escapes: m.escapes,
		Version: func(container string) string {
			if at, ok := t.FieldIdx(container); ok {
				return dialect.Field(column, names[at])
			}
			return ""
		},
	}, nil
}

// idText is the canonical text of a sample's id.
func (m *meta) idText(ids []string) (string, error) {
	parts := make([]string, len(ids))
	for i, id := range ids {
		at := m.field(id)
		if at < 0 {
			return "", invalidf("feature %s has no id column %q", m.key, id)
		}
		text, ok := dialect.IDText(m.schema.Field(at).Type, dialect.Ident(m.columns[at]))
		if !ok {
			return "", errUniversal
		}
		if len(ids) > 1 {
			text = dialect.Escape(text)
		}
		parts[i] = text
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return strings.Join(parts, " || '|' || "), nil
}

func (r *resolver) heldSide() (*sqlplan.Side, error) {
	side, err := r.side(r.held, r.req.Filter)
	if err != nil {
		return nil, err
	}
	for _, id := range r.plan.Feature.ID {
		if r.held.field(id) < 0 {
			return nil, invalidf("feature %s has no id column %q", r.plan.Key(), id)
		}
	}
	for _, k := range r.plan.ResolveKey {
		side.Keys = append(side.Keys, dialect.Ident(r.held.columns[r.held.field(k)]))
	}
	return side, nil
}

// bindIDs fixes the types of the resolve key, which must be the same everywhere: that 1 in an int32 is 1 in an int64 is for the universal
// engine to know.
func (r *resolver) bindIDs() error {
	for _, k := range r.plan.ResolveKey {
		var f arrow.Field
		meet := func(m *meta, column string) error {
			if m == nil {
				return nil
			}
			g := m.schema.Field(m.field(column))
			if f.Type != nil && !arrow.TypeEqual(f.Type, g.Type) {
				return errUniversal
			}
			if f.Type == nil {
				f = g
			}
			return nil
		}
		for i, u := range r.plan.Upstream {
			if slices.Contains(u.Key, k) {
				if err := meet(r.metas[i], u.Original(k)); err != nil {
					return err
				}
			}
		}
		if err := meet(r.held, k); err != nil {
			return err
		}
		if f.Type == nil {
			f.Type = arrow.BinaryTypes.String
		}
		r.ids = append(r.ids, arrow.Field{Name: k, Type: f.Type, Metadata: f.Metadata})
	}
	return nil
}
