package resolve

import (
	"context"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// Calculated is what CalculateAndWrite did.
type Calculated struct {
	Commit  core.Commit // the zero Commit when no sample could be written
	Written int64
	Missing int64 // samples that lack a required upstream row and were not written
}

// CalculateAndWrite computes the data versions of samples from the upstream
// and writes both as one commit. The samples hold the id columns and any user
// columns, without "data_version"; they are ranged over once.
//
// A sample without a required upstream row has no version: it is counted and
// left out. A root feature has no upstream to compute from and is ErrInvalid.
// Budget, TempDir, Workers and Local apply.
func CalculateAndWrite(ctx context.Context, store core.Store, plan *core.Plan, samples core.Rows, opts ...Option) (Calculated, error) {
	c, err := calculate(ctx, store, plan, samples, newOptions(opts))
	return c, core.WrapError(core.OpWrite, plan.Key(), layer, err)
}

func calculate(ctx context.Context, store core.Store, plan *core.Plan, samples core.Rows, o options) (c Calculated, err error) {
	if err := ctx.Err(); err != nil {
		return c, err
	}
	if err := plan.Validate(); err != nil {
		return c, err
	}
	if plan.Root() {
		return c, invalidf("feature %s has no upstream to compute versions from: write it with a %q of your own, a content hash of each sample for instance",
			plan.Key(), core.ColDataVersion)
	}
	if samples.Schema == nil {
		return c, invalidf("the samples have no schema")
	}
	if samples.Schema.HasField(core.ColDataVersion) {
		return c, invalidf("the samples hold %q, which is computed here: leave it out, or use Write", core.ColDataVersion)
	}
	s := newSetup(ctx, store, plan, o)
	s.local = o.local
	if err := s.upstream(nil); err != nil {
		return c, err
	}
	if err := s.bring(samples); err != nil {
		return c, err
	}
	if err := s.finish(plan.Feature.ID); err != nil {
		return c, err
	}
	if err := s.e.execute(ctx); err != nil {
		return c, err
	}
	inc, err := s.e.increment()
	if err != nil {
		return c, err
	}
	c.Missing = inc.Stats.Missing
	if inc.Stats.New == 0 {
		return c, nil
	}
	c.Commit, err = store.Write(ctx, core.WriteRequest{Plan: plan, Rows: inc.New, Basis: s.basis})
	if err == nil {
		c.Written = c.Commit.Rows
	}
	return c, err
}

// bring makes a caller's samples the side that decides, with every column that
// they have; their versions are computed from the other sides.
func (s *setup) bring(samples core.Rows) error {
	ids := s.plan.Feature.ID
	for _, id := range ids {
		if !samples.Schema.HasField(id) {
			return invalidf("the samples lack the id column %q%s", id, suggest(id, fieldNames(samples.Schema)))
		}
	}
	// A tombstone's checker looks at schema and ids alone.
	checker := core.NewRowChecker(core.WriteRequest{Plan: s.plan, Rows: samples, Tombstones: true}, false)
	sp := &spec{name: "samples", key: ids, drives: true, required: true, rows: samples, check: checker.Add}
	at := len(s.e.specs)
	names := slices.Clone(ids)
	for _, f := range samples.Schema.Fields() {
		if slices.Contains(ids, f.Name) {
			continue
		}
		if core.IsReserved(f.Name) {
			return invalidf("column %q: names that begin with %q belong to the store", f.Name, core.ReservedPrefix)
		}
		names = append(names, f.Name)
		sp.carry = append(sp.carry, f.Name)
		s.e.carry = append(s.e.carry, carried{at, f.Name, f})
	}
	s.e.specs = append(s.e.specs, sp)
	s.e.cands = []int{at}
	return sp.bindColumns(names, names)
}
