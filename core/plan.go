package core

import "slices"

// Plan is what a store needs to know about one feature: its spec, the resolved
// dependencies of each container, and how upstream rows are joined. Only
// Graph.Plan makes a valid one. It is shared and must not be changed.
type Plan struct {
	Feature    FeatureSpec // with defaults filled in
	Version    string      // the feature version: changes with code versions here and upstream
	Containers []ContainerPlan
	Upstream   []UpstreamPlan // in the order of Feature.Deps

	// ResolveKey are the columns on which expected and held samples meet: the
	// id columns in their order, or those of the parent when every dependency
	// is an expansion. A held sample is then stale as soon as one child differs.
	ResolveKey []string

	valid bool
}

// ContainerPlan is a container with its inputs spelled out.
type ContainerPlan struct {
	Name    string
	Code    string
	Version string // feature-level: the data-version construction over specs
	Inputs  []ContainerRef
}

// ContainerRef names a container of an upstream feature.
type ContainerRef struct {
	Feature   FeatureKey
	Container string
}

// UpstreamPlan is a dependency together with what is known of the upstream.
type UpstreamPlan struct {
	Dependency

	ID         []string // id columns of the upstream, as stored there
	Containers []string // all containers of the upstream, in its order

	// Key are the columns, by their names here, that meet this feature's: a
	// subset of ResolveKey. An upstream with the whole of it decides which
	// samples there are, any other is joined to them.
	Key []string
}

// Key is the feature's key.
func (p *Plan) Key() FeatureKey { return p.key() }

// Validate reports a Plan that Graph.Plan did not make; it matches ErrInvalid.
func (p *Plan) Validate() error {
	if p == nil || !p.valid {
		return invalidf("the request has no plan: build one with Graph.Plan")
	}
	return nil
}

// Root reports whether the feature has no upstream: its data versions come
// from outside.
func (p *Plan) Root() bool { return len(p.Upstream) == 0 }

// Expands reports whether one row of ResolveKey can stand for many samples.
func (p *Plan) Expands() bool { return len(p.ResolveKey) < len(p.Feature.ID) }

// ContainerNames lists the containers in their declared order.
func (p *Plan) ContainerNames() []string { return p.Feature.containerNames() }

// Drives reports whether this upstream has the whole resolve key. The required
// upstreams that drive decide which samples are expected, each having to hold
// them; optional ones decide only where no required one drives.
func (p *Plan) Drives(u UpstreamPlan) bool { return len(u.Key) == len(p.ResolveKey) }

// Renamed gives the name here of an upstream column.
func (u UpstreamPlan) Renamed(column string) string { return u.renamed(column) }

// Original gives the upstream's name of a column, the inverse of Renamed.
func (u UpstreamPlan) Original(column string) string {
	for from, to := range u.Rename {
		if to == column {
			return from
		}
	}
	return column
}

// Carries reports whether a resolve may carry this column (a name here) from
// the upstream. The upstream rows behind an aggregation have many values, so
// only their grouping columns can be carried.
func (u UpstreamPlan) Carries(column string) bool {
	if u.Lineage == Aggregation {
		return slices.Contains(u.Key, column)
	}
	return u.Select == nil || slices.Contains(u.Select, column) || slices.Contains(u.Key, column)
}

func (p *Plan) key() FeatureKey {
	if p == nil {
		return ""
	}
	return p.Feature.Key
}
