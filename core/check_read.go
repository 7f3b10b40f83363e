package core

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// ReadPlan is a ReadRequest bound to the schema of the feature.
type ReadPlan struct {
	Schema *arrow.Schema // of the rows returned: the columns asked for, in that order
	All    *arrow.Schema // every column there is, system columns last
	// IDFilter can be applied to every row ever written: it uses id columns
	// alone, so the latest row of a sample passes when any of its rows does.
	// RowFilter must be applied to the latest rows. Together they are Filter.
	IDFilter, RowFilter expr.Expr
}

// Check reports what is wrong with the request itself; it matches ErrInvalid.
func (r ReadRequest) Check() error {
	if err := r.Key.Validate(); err != nil {
		return err
	}
	if r.AsOf.Seq < 0 {
		return invalidf("as of commit %d: commits are numbered from 1", r.AsOf.Seq)
	}
	if r.AsOf.Seq != 0 && !r.AsOf.Time.IsZero() {
		return invalidf("as of a commit and of a time: choose one")
	}
	return nil
}

// Bind checks the columns and the filter against what the feature holds, which
// costs no I/O. The errors match ErrInvalid and name the nearest column.
func (r ReadRequest) Bind(info Info) (ReadPlan, error) {
	if r.AsOf.Seq > info.Generation {
		return ReadPlan{}, invalidf("as of commit %d: the last is %d", r.AsOf.Seq, info.Generation)
	}
	p := ReadPlan{All: arrow.NewSchema(slices.Concat(info.Schema.Fields(), SystemFields()), nil)}
	if r.History {
		// A tombstone has nothing but its id.
		fields := p.All.Fields()
		for i := range fields {
			fields[i].Nullable = fields[i].Nullable || !slices.Contains(info.ID, fields[i].Name)
		}
		p.All = arrow.NewSchema(fields, nil)
	}
	names := r.Columns
	if names == nil {
		names = fieldNames(info.Schema)
	}
	fields := make([]arrow.Field, 0, len(names))
	for i, n := range names {
		at := p.All.FieldIndices(n)
		if len(at) == 0 {
			return ReadPlan{}, invalidf("feature %s has no column %q%s", info.Key, n, suggest(n, fieldNames(p.All)))
		}
		if slices.Contains(names[:i], n) {
			return ReadPlan{}, invalidf("column %q is asked for twice", n)
		}
		fields = append(fields, p.All.Field(at[0]))
	}
	p.Schema = arrow.NewSchema(fields, nil)
	if r.Filter == nil {
		return p, nil
	}
	if _, err := expr.Bind(r.Filter, p.All); err != nil {
		return ReadPlan{}, invalidf("%w", err)
	}
	for _, term := range expr.Conjuncts(r.Filter) {
		if idsOnly(term, info.ID) {
			p.IDFilter = expr.And(p.IDFilter, term)
		} else {
			p.RowFilter = expr.And(p.RowFilter, term)
		}
	}
	return p, nil
}

func idsOnly(e expr.Expr, ids []string) bool {
	for _, c := range expr.Columns(e) {
		if !slices.Contains(ids, c) {
			return false
		}
	}
	return true
}

// Check reports what is wrong with the request itself; it matches ErrInvalid.
func (r ResolveRequest) Check() error {
	if err := r.Plan.Validate(); err != nil {
		return err
	}
	if r.Plan.Root() != (r.Samples.Schema != nil) {
		if r.Plan.Root() {
			return invalidf("feature %s has no upstream: Samples must say what it should hold", r.Key())
		}
		return invalidf("feature %s has upstream: Samples are for root features", r.Key())
	}
	if r.Plan.Root() {
		if err := CheckRowSchema(r.Plan, r.Samples.Schema); err != nil {
			return err
		}
	}
	for i, c := range r.Columns {
		if slices.Contains(r.Columns[:i], c) {
			return invalidf("column %q is asked for twice", c)
		}
		if c == ColDataVersion || IsReserved(c) || slices.Contains(r.Plan.ResolveKey, c) {
			return invalidf("column %q is always there: leave it out of Columns", c)
		}
	}
	for _, c := range expr.Columns(r.Filter) {
		if !slices.Contains(r.Plan.ResolveKey, c) {
			return invalidf("a resolve can be restricted by %v alone, not by %q", r.Plan.ResolveKey, c)
		}
	}
	return nil
}

// Check reports what is wrong with the request itself; it matches ErrInvalid.
func (r StatRequest) Check() error {
	if err := r.Key.Validate(); err != nil {
		return err
	}
	if r.Commits < -1 {
		return invalidf("the last %d commits: ask for -1 to have all", r.Commits)
	}
	return nil
}
