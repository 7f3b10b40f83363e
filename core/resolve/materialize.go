package resolve

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Compute makes the rows to write from a batch of samples: their resolve-key
// columns, the columns asked for and "data_version". It returns a batch with
// the same ids and versions in the same order, and any user columns beside
// them. Where every dependency expands, it returns the children of these
// parents, any number each, with the parent's version.
//
// The batch given is valid until Compute returns; the batch returned is
// released once it is written.
type Compute func(ctx context.Context, batch arrow.RecordBatch) (arrow.RecordBatch, error)

// Report is what Materialize found and did.
type Report struct {
	Stats   core.Stats // what the resolve found
	Basis   core.Basis
	Commits []core.Commit // in order, tombstones included
	Written int64         // rows written
	Retired int64         // rows retired
}

// Materialize computes and writes what is new or stale, and nothing else.
//
// Samples come to compute in batches (BatchRows), each of which is committed
// on its own, so that a crash or an error keeps what was done and another call
// goes on from there. On error the report tells how far it got. A nil compute
// writes ids and versions as they are.
//
// Children of a stale parent that compute does not return again are retired. A
// parent for which it returns no child leaves no trace, so the next call
// computes that parent again.
//
// The resolve is the store's own, so Budget, TempDir and Workers do not apply.
// A root feature is ErrInvalid: there is nothing to compute it from.
func Materialize(ctx context.Context, store core.Store, plan *core.Plan, compute Compute, opts ...Option) (Report, error) {
	m := materializer{store: store, plan: plan, compute: compute, o: newOptions(opts)}
	err := m.run(ctx)
	return m.report, core.WrapError(core.OpWrite, plan.Key(), layer, err)
}

type materializer struct {
	store   core.Store
	plan    *core.Plan
	compute Compute
	o       options

	report     Report
	generation int64 // of the feature before the first commit
	done       int64
	children   *heldChildren // of stale parents, when the feature expands
}

func (m *materializer) run(ctx context.Context) error {
	if err := m.plan.Validate(); err != nil {
		return err
	}
	if m.plan.Root() {
		return invalidf("feature %s has no upstream to compute it from: write its rows, or resolve its samples", m.plan.Key())
	}
	if m.compute == nil && m.plan.Expands() {
		return invalidf("feature %s has many samples for one of its upstream: only a compute function knows them", m.plan.Key())
	}
	info, err := m.store.Stat(ctx, core.StatRequest{Key: m.plan.Key(), Local: true})
	if err != nil && !errors.Is(err, core.ErrFeatureNotFound) {
		return err
	}
	m.generation = info.Generation
	inc, err := m.store.Resolve(ctx, core.ResolveRequest{Plan: m.plan, Columns: m.o.columns, Local: m.o.local})
	if err != nil {
		return err
	}
	m.report.Stats, m.report.Basis = inc.Stats, inc.Basis
	if m.plan.Expands() && inc.Stats.Stale > 0 {
		if m.children, err = m.readChildren(ctx, inc.Stale); err != nil {
			return err
		}
	}
	for _, rows := range []core.Rows{inc.New, inc.Stale} {
		for batch, err := range rebatch(rows, inc.New.Schema, m.o.batchRows) {
			if err != nil {
				return err
			}
			if err := m.batch(ctx, batch); err != nil {
				return err
			}
		}
	}
	if !m.o.retire || inc.Stats.Orphaned == 0 {
		return nil
	}
	return m.retire(ctx, inc.Orphaned)
}

// batch computes and commits one batch.
func (m *materializer) batch(ctx context.Context, in arrow.RecordBatch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	out := in
	if m.compute != nil {
		var err error
		if out, err = m.compute(ctx, in); err != nil {
			return err
		}
		if out == nil {
			return invalidf("compute returned no batch: return an empty one when there is nothing to write")
		}
		if out != in {
			defer out.Release()
		}
		if m.plan.Expands() {
			err = m.checkChildren(in, out)
		} else {
			err = m.checkSame(in, out)
		}
		if err != nil {
			return err
		}
	}
	if out.NumRows() > 0 {
		id, err := m.commitID("write", core.RowsOf(out.Schema(), out), true)
		if err != nil {
			return err
		}
		c, err := m.store.Write(ctx, core.WriteRequest{Plan: m.plan, ID: id, Rows: core.RowsOf(out.Schema(), out), Basis: m.report.Basis})
		if err != nil {
			return err
		}
		m.report.Commits = append(m.report.Commits, c)
		m.report.Written += c.Rows
	}
	if m.children != nil {
		gone, err := m.children.without(in, out, m.plan)
		if err != nil {
			return err
		}
		if gone != nil {
			if err := m.retire(ctx, core.RowsOf(gone.Schema(), gone)); err != nil {
				return err
			}
		}
	}
	m.done += in.NumRows()
	if m.o.progress != nil {
		m.o.progress(m.done, m.report.Stats.New+m.report.Stats.Stale)
	}
	return nil
}

func (m *materializer) retire(ctx context.Context, ids core.Rows) error {
	id, err := m.commitID("retire", ids, false)
	if err != nil {
		return err
	}
	c, err := retire(ctx, m.store, m.plan, id, ids)
	if err != nil {
		return err
	}
	m.report.Commits = append(m.report.Commits, c)
	m.report.Retired += c.Rows
	return nil
}
