// Package resolve is the universal engine: it finds what is new, stale and
// orphaned from Store.Read alone, so it answers for every store and every
// stack of layers alike. On top of it stand the operations that pipelines use:
// Materialize, CalculateAndWrite, ReadUpstream and Retire.
//
// # What is compared
//
// Versions are computed with version.SHA256. An upstream version that is not
// there hashes as empty: an optional dependency without a row, and a container
// that is null or absent because the row is older than it. Inside an N:1 group
// such a version is an empty element of the group. Rows of an N:1 upstream
// that lack a grouping column stand behind no sample.
//
// Ids meet when they are equal as texts, bytes or numbers, whatever the width
// or encoding of their columns; ids of types that can never be equal are
// ErrInvalid.
//
// ResolveRequest.Local is passed on with every read, of the upstream and of
// what the feature holds: a layer that answers for other stores decides what
// "holds" means.
//
// # Consistency
//
// Each upstream is read once, at the commit that Increment.Basis names if the
// store has time travel. Without it a commit may come between Stat and Read:
// the answer then includes it although the basis does not, so a basis never
// claims more than was read.
//
// # Order and memory
//
// The answer follows the order in which the first deciding upstream (or the
// samples of a root feature) is read. Past the memory budget both sides are
// partitioned by a hash of their ids into unlinked temporary files, and the
// answer follows partition by partition: the same for the same budget and data,
// another than without a budget. Samples that share all columns that the
// upstreams have in common are one partition, and an upstream without any such
// column stays in memory.
package resolve

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

const layer = "resolve"

// ByReading answers a resolve by reading the upstream and the feature itself
// through s, joining and hashing them here.
//
// Budget, TempDir and Workers apply. Errors match core's sentinels; a full or
// unwritable temporary directory is ErrUnavailable.
func ByReading(ctx context.Context, s core.Store, req core.ResolveRequest, opts ...Option) (core.Increment, error) {
	inc, err := byReading(ctx, s, req, newOptions(opts))
	if err != nil {
		return core.Increment{}, core.WrapError(core.OpResolve, req.Key(), layer, err)
	}
	return inc, nil
}

func byReading(ctx context.Context, store core.Store, req core.ResolveRequest, o options) (core.Increment, error) {
	if err := ctx.Err(); err != nil {
		return core.Increment{}, err
	}
	if err := req.Check(); err != nil {
		return core.Increment{}, err
	}
	s := newSetup(ctx, store, req.Plan, o)
	s.filter, s.local = req.Filter, req.Local
	if req.Plan.Root() {
		if err := s.samples(req); err != nil {
			return core.Increment{}, err
		}
	} else {
		if err := s.upstream(req.Columns); err != nil {
			return core.Increment{}, err
		}
		s.candidates()
	}
	if err := s.heldSide(); err != nil {
		return core.Increment{}, err
	}
	if err := s.finish(req.Plan.ResolveKey); err != nil {
		return core.Increment{}, err
	}
	if err := s.e.execute(ctx); err != nil {
		return core.Increment{}, err
	}
	inc, err := s.e.increment()
	inc.Basis = s.basis
	return inc, err
}

// samples makes the caller's rows the side that decides, with their versions
// as they are.
func (s *setup) samples(req core.ResolveRequest) error {
	names := s.plan.ContainerNames()
	checker := core.NewRowChecker(core.WriteRequest{Plan: s.plan, Rows: req.Samples}, false)
	sp := &spec{
		name: "samples", key: s.plan.ResolveKey, drives: true, required: true, versions: names, carry: req.Columns,
		numbered: true, rows: req.Samples, check: checker.Add,
	}
	for _, c := range req.Columns {
		at := req.Samples.Schema.FieldIndices(c)
		if len(at) != 1 {
			return invalidf("the samples have no column %q to carry%s", c, suggest(c, fieldNames(req.Samples.Schema)))
		}
		s.e.carry = append(s.e.carry, carried{0, c, req.Samples.Schema.Field(at[0])})
	}
	s.e.specs, s.e.cands, s.e.copies, s.e.unique = []*spec{sp}, []int{0}, true, true
	for i, n := range names {
		s.e.containers = append(s.e.containers, container{name: n, inputs: []input{{0, i}}})
	}
	columns := append(append(append([]string{}, sp.key...), req.Columns...), core.ColDataVersion)
	if err := sp.bindColumns(columns, columns); err != nil {
		return err
	}
	if s.filter == nil {
		return nil
	}
	bound, err := expr.Bind(s.filter, sp.schema)
	if err != nil {
		return invalidf("%w", err)
	}
	s.e.filter = bound
	return nil
}

func fieldNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	return names
}
