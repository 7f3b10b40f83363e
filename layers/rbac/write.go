package rbac

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/ident"
)

// Write is core.Store's. Who is limited to some rows writes, replaces and
// retires those alone. Column rules are about reading: a write brings every
// column.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	c, err := s.begin(ctx, call{op: core.OpWrite, key: req.Key()}, req.Check)
	if err != nil {
		return core.Commit{}, err
	}
	a := c.access(req.Key())
	if err := c.decide(c.allowed(&a, req.Key())); err != nil {
		return core.Commit{}, err
	}
	if rule := a.filter(); rule != nil {
		if req.Rows, err = s.guarded(ctx, c, rule, req); err != nil {
			return core.Commit{}, c.ended(0, err)
		}
	}
	commit, err := s.next.Write(ctx, req)
	if err := c.ended(commit.Rows, err); err != nil {
		return core.Commit{}, err
	}
	return commit, nil
}

// guard checks the rows of one write as they pass.
type guard struct {
	c       *calling
	ids     []string
	schema  *arrow.Schema
	rule    *expr.Bound     // nil: the rows do not have what it needs
	foreign map[string]bool // ids of samples that the caller may not see
	rows    int64
}

// guarded gives the rows of a write, which end with core.ErrDenied at the first
// that is not the caller's to write. The write is then not made.
func (s *store) guarded(ctx context.Context, c *calling, rule expr.Expr, req core.WriteRequest) (core.Rows, error) {
	g := guard{c: c, ids: req.Plan.Feature.ID, schema: req.Rows.Schema}
	var err error
	if g.rule, err = expr.Bind(rule, req.Rows.Schema); err != nil {
		if !req.Tombstones {
			return core.Rows{}, errRuleDoesNotFit
		}
		g.rule = nil // ids alone: what is held decides
	}
	if g.foreign, err = s.foreign(ctx, rule, req); err != nil {
		return core.Rows{}, err
	}
	rows := req.Rows
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		pass := g // each range counts its own rows
		for b, err := range req.Rows.All() {
			if err == nil {
				err = pass.check(b)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
	return rows, nil
}

// foreign lists the samples that do not satisfy the rule. It reads what the
// feature holds: the price of a write by somebody who sees only a part.
func (s *store) foreign(ctx context.Context, rule expr.Expr, req core.WriteRequest) (map[string]bool, error) {
	columns := slices.Clone(req.Plan.Feature.ID)
	for _, c := range expr.Columns(rule) {
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	rows, err := s.next.Read(ctx, core.ReadRequest{Key: req.Key(), Columns: columns})
	switch {
	case errors.Is(err, core.ErrFeatureNotFound):
		return nil, nil
	case errors.Is(err, core.ErrInvalid):
		return nil, errRuleDoesNotFit
	case err != nil:
		return nil, asOp(core.OpWrite, req.Key(), err)
	}
	bound, err := expr.Bind(rule, rows.Schema)
	if err != nil {
		return nil, errRuleDoesNotFit
	}
	foreign := map[string]bool{}
	for b, err := range rows.All() {
		if err == nil {
			err = outside(bound, b, req.Plan.Feature.ID, func(id []byte, _ int) { foreign[string(id)] = true })
		}
		if err != nil {
			return nil, asOp(core.OpWrite, req.Key(), err)
		}
	}
	return foreign, nil
}

// outside tells the ids of the rows for which the rule is not true.
func outside(rule *expr.Bound, b arrow.RecordBatch, ids []string, tell func(id []byte, row int)) error {
	names, err := ident.Bind(b, ids)
	if err != nil {
		return invalidf("%w", err)
	}
	passes, err := rule.Eval(b, memory.DefaultAllocator)
	if err != nil {
		return invalidf("%w", err)
	}
	defer passes.Release()
	var id []byte
	for row := range int(b.NumRows()) {
		if passes.IsValid(row) && passes.Value(row) {
			continue
		}
		id = names.AppendText(id[:0], row)
		tell(id, row)
	}
	return nil
}

// check refuses a batch with a row that is not the caller's. Batches that are
// wrong in themselves are left to the store below.
func (g *guard) check(b arrow.RecordBatch) error {
	if b == nil || !core.SameColumns(b.Schema(), g.schema) {
		return nil
	}
	ids, err := ident.Bind(b, g.ids)
	if err != nil {
		return nil //nolint:nilerr // the store below says it in its own words
	}
	if _, _, null := ids.FirstNull(); null {
		return nil
	}
	bad := -1
	if g.rule != nil {
		err := outside(g.rule, b, g.ids, func(_ []byte, row int) {
			if bad < 0 {
				bad = row
			}
		})
		if err != nil {
			return err
		}
	}
	var id []byte
	for row := 0; row < int(b.NumRows()) && bad < 0 && len(g.foreign) > 0; row++ {
		id = ids.AppendText(id[:0], row)
		if g.foreign[string(id)] {
			bad = row
		}
	}
	if bad >= 0 {
		return denied("row %d is outside what %s may write", g.rows+int64(bad)+1, g.c.id.Name)
	}
	g.rows += b.NumRows()
	return nil
}
