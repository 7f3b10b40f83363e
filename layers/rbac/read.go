package rbac

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// read asks below for what the caller may have: the visible columns, the rows
// of the row rules. Where nothing is kept from the caller the request passes as
// it is.
func (s *store) read(ctx context.Context, a *access, req core.ReadRequest) (core.Rows, error) {
	if !a.restricted() {
		return s.next.Read(ctx, req)
	}
	info, err := s.next.Stat(ctx, core.StatRequest{Key: req.Key, Local: req.Local})
	if err != nil {
		return core.Rows{}, asOp(core.OpRead, req.Key, err)
	}
	below, err := s.narrowed(a, req, info)
	if err != nil {
		return core.Rows{}, core.WrapError(core.OpRead, req.Key, name, err)
	}
	rows, err := s.next.Read(ctx, below)
	if err != nil {
		return core.Rows{}, err
	}
	return s.rbac.masked(a, req.Key, rows), nil
}

// narrowed binds the request to what the caller sees of the feature, so that a
// mistake is told without a word about the rest, and adds the row rule.
func (s *store) narrowed(a *access, req core.ReadRequest, info core.Info) (core.ReadRequest, error) {
	seen := s.shown(a, info)
	bind := seen
	if slices.Contains(req.Columns, core.ColOrigin) || slices.Contains(expr.Columns(req.Filter), core.ColOrigin) {
		// Of an overlay below, which is the one that knows whether there is one.
		bind.Schema = arrow.NewSchema(append(slices.Clone(seen.Schema.Fields()), arrow.Field{Name: core.ColOrigin, Type: arrow.BinaryTypes.String, Nullable: true}), nil)
	}
	if _, err := req.Bind(bind); err != nil {
		return req, err
	}
	if req.Columns == nil && len(a.columns) > 0 {
		req.Columns = make([]string, 0, seen.Schema.NumFields())
		for _, f := range seen.Schema.Fields() {
			req.Columns = append(req.Columns, f.Name)
		}
	}
	rule := a.filter()
	if rule == nil {
		return req, nil
	}
	whole, err := core.ReadRequest{Key: req.Key, History: req.History}.Bind(info)
	if err != nil {
		return req, err
	}
	if _, err := expr.Bind(rule, whole.All); err != nil {
		return req, errRuleDoesNotFit
	}
	req.Filter = expr.And(req.Filter, rule)
	return req, nil
}

var errRuleDoesNotFit = denied("a row rule names a column that the feature has not, or of another type")
