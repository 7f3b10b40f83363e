package rbac

import (
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// access is what a policy says about one identity and one feature.
type access struct {
	allow, deny actions
	columns     []columnRule
	rows        []rowRule
}

func (a *access) may(what actions) bool { return a.allow&what == what && a.deny&what == 0 }

// restricted reports whether some row or column is kept from the identity.
func (a *access) restricted() bool { return len(a.columns) > 0 || len(a.rows) > 0 }

// access looks a feature up for an identity.
func (x *index) access(id identity.Identity, key core.FeatureKey) access {
	var a access
	s := x.subjects[id.Name]
	if s == nil {
		s = x.everyone
	}
	for _, c := range s.closure {
		c.root.find(string(key), true, &a)
	}
	for _, g := range id.Groups {
		if s := x.subjects[g]; s != nil {
			for _, c := range s.closure {
				if c != x.everyone { // it was asked already
					c.root.find(string(key), true, &a)
				}
			}
		}
	}
	if a.restricted() {
		a.simplify()
	}
	return a
}

func (a *access) add(b *bucket) {
	a.allow |= b.allow
	a.deny |= b.deny
	if len(b.columns) > 0 {
		a.columns = append(a.columns, b.columns...)
	}
	if len(b.rows) > 0 {
		a.rows = append(a.rows, b.rows...)
	}
}

// simplify drops what keeps nothing from the identity, so that an access that
// ends up with nothing is unrestricted.
func (a *access) simplify() {
	if slices.ContainsFunc(a.rows, func(r rowRule) bool { return r.filter == nil }) {
		a.rows = nil
	}
	protects := slices.ContainsFunc(a.columns, func(c columnRule) bool {
		if c.show == ShowRead {
			return false
		}
		top, _, _ := strings.Cut(c.pattern, ".")
		return !c.everyone || !slices.ContainsFunc(a.columns, func(o columnRule) bool {
			return !o.everyone && o.show == ShowRead && coversColumn(o.pattern, c.pattern) && coversColumn(o.pattern, top)
		})
	})
	if !protects {
		a.columns = nil
	}
}

// show says how a column is shown. Rules for everyone are the default, and of
// the others the one that shows least wins. A rule about a field within the
// column protects all of it, and shows nothing of it.
func (a *access) show(name string) Show {
	var byDefault, named, nested Show
	found := false
	for _, c := range a.columns {
		whole := matchColumn(name, c.pattern)
		switch {
		case !whole && !nestedIn(name, c.pattern):
		case c.everyone:
			byDefault = max(byDefault, c.show)
		case whole:
			named, found = max(named, c.show), true
		default:
			nested = max(nested, c.show)
		}
	}
	if found {
		return max(named, nested)
	}
	return max(byDefault, nested)
}

// filter is what a row has to satisfy, nil for every row.
func (a *access) filter() expr.Expr {
	if len(a.rows) == 0 {
		return nil
	}
	terms := make([]expr.Expr, len(a.rows))
	for i, r := range a.rows {
		terms[i] = r.filter
	}
	return expr.Or(terms...)
}
