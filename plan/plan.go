// Package plan says what a change will cost before anything runs.
//
//	report, err := plan.Graph(ctx, store, graph)
//	fmt.Print(report)
//
// For every feature, upstream first, it finds which samples would be new,
// stale, orphaned or unchanged if each of the feature's upstreams had been
// recomputed already: the data versions that a recomputation will give follow
// from the graph, so they are known before it. Beside that it counts what
// versions of whole rows would make pipelines recompute, the measure of what
// versions of containers save.
//
// # What cannot be known
//
// The children of a new parent (1:N) are not known before they are computed,
// nor are the user columns of a sample that is to be computed, unless they are
// carried over from its upstream. Where that matters the feature's counts are a
// lower bound, and AtLeast is set.
//
// # Cost
//
// A feature whose upstreams change nothing is resolved by the store itself,
// natively where it can. Any other is resolved by core/resolve, and the ids of
// the samples that change are kept in memory.
package plan

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// Feature is what is to be expected of one feature.
type Feature struct {
	Key  core.FeatureKey `json:"feature"`
	Root bool            `json:"root,omitempty"` // its data versions come from outside
	Held int64           `json:"held"`           // live samples now

	New       int64            `json:"new"`
	Stale     int64            `json:"stale"`
	Orphaned  int64            `json:"orphaned"`
	Unchanged int64            `json:"unchanged"`
	Missing   int64            `json:"missing,omitempty"`  // upstream samples without a required counterpart
	StaleBy   map[string]int64 `json:"stale_by,omitempty"` // by container; a sample counts for each that differs

	// RowLevel counts the held samples that would be recomputed if a change in
	// any container of an upstream row, since the feature was last computed, or
	// of code, made whole rows stale, here and all the way downstream.
	RowLevel int64 `json:"row_level"`

	// Blocked says why nothing can be said, "" when something can.
	Blocked string `json:"blocked,omitempty"`
	// AtLeast: the counts are a lower bound.
	AtLeast bool `json:"at_least,omitempty"`
}

// Clean reports whether nothing is to be computed or retired, which of a
// feature that is blocked nobody knows. A root feature that holds nothing is
// clean: what it is to hold comes from outside.
func (f Feature) Clean() bool {
	return f.New == 0 && f.Stale == 0 && f.Orphaned == 0 && (f.Blocked == "" || f.Root)
}

// Saved is how many recomputations versions of containers spare. With AtLeast
// it is an estimate: both counts that it is the difference of can grow.
func (f Feature) Saved() int64 { return f.RowLevel - f.Stale }

// MarshalJSON adds "saved" to the fields.
func (f Feature) MarshalJSON() ([]byte, error) {
	type fields Feature
	return json.Marshal(struct {
		fields
		Saved int64 `json:"saved"`
	}{fields(f), f.Saved()})
}

// Report is the answer of Graph, upstream first.
type Report struct {
	Features []Feature `json:"features"`
}

// Clean reports whether nothing is to be computed or retired anywhere.
func (r Report) Clean() bool {
	return !slices.ContainsFunc(r.Features, func(f Feature) bool { return !f.Clean() })
}

// Feature finds a feature.
func (r Report) Feature(key core.FeatureKey) (Feature, bool) {
	i := slices.IndexFunc(r.Features, func(f Feature) bool { return f.Key == key })
	if i < 0 {
		return Feature{}, false
	}
	return r.Features[i], true
}

// Option sets a choice of Graph. Options commute.
type Option func(*options)

type options struct {
	samples  map[core.FeatureKey]core.Rows
	only     []core.FeatureKey
	local    bool
	progress func(core.FeatureKey)
	resolve  []resolve.Option
}

// Samples says what a root feature will hold, as in core.ResolveRequest; a root
// feature without is taken as it is held. The rows must be replayable or are
// used up.
func Samples(key core.FeatureKey, rows core.Rows) Option {
	return func(o *options) { o.samples[key] = rows }
}

// Downstream restricts the report to these features and what is downstream of
// them.
func Downstream(keys ...core.FeatureKey) Option {
	return func(o *options) { o.only = append(o.only, keys...) }
}

// Local leaves fallbacks out.
func Local() Option { return func(o *options) { o.local = true } }

// Progress is told of each feature before work on it begins.
func Progress(f func(core.FeatureKey)) Option { return func(o *options) { o.progress = f } }

// Resolving passes options on to core/resolve, such as a memory budget.
func Resolving(opts ...resolve.Option) Option {
	return func(o *options) { o.resolve = append(o.resolve, opts...) }
}

// Graph reports on every feature of the graph. The store is only read. An
// unknown feature in the options is core.ErrInvalid.
func Graph(ctx context.Context, s core.Store, g *core.Graph, opts ...Option) (Report, error) {
	o := options{samples: map[core.FeatureKey]core.Rows{}}
	for _, set := range opts {
		set(&o)
	}
	var errs []error
	for key := range o.samples {
		p, err := g.Plan(key)
		if err == nil && !p.Root() {
			err = invalidf("feature %s has upstream: samples are for root features", key)
		}
		errs = append(errs, err)
	}
	wanted := map[core.FeatureKey]bool{}
	for _, key := range o.only {
		_, err := g.Plan(key)
		errs = append(errs, err)
		wanted[key] = true
		for _, d := range g.Descendants(key) {
			wanted[d] = true
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Report{}, err
	}
	p := &planner{ctx: ctx, store: s, graph: g, o: o, views: map[core.FeatureKey]*view{}, needed: map[core.FeatureKey][]string{}}
	var r Report
	for _, key := range g.Keys() {
		if !p.matters(key, wanted) {
			continue
		}
		if o.progress != nil {
			o.progress(key)
		}
		f, err := p.feature(key)
		if err != nil {
			return Report{}, err
		}
		if len(wanted) == 0 || wanted[key] {
			r.Features = append(r.Features, f)
		}
	}
	return r, nil
}

// matters reports whether a feature is wanted or upstream of one that is.
func (p *planner) matters(key core.FeatureKey, wanted map[core.FeatureKey]bool) bool {
	if len(wanted) == 0 || wanted[key] {
		return true
	}
	return slices.ContainsFunc(p.graph.Descendants(key), func(k core.FeatureKey) bool { return wanted[k] })
}
