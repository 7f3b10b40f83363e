package core

import (
	"maps"
	"slices"

	"github.com/metaxy-go/metaxy/core/expr"
)

// FeatureSpec declares a feature. It is plain data: NewFeature builds one in
// Go, a features.toml another, and NewGraph validates both alike.
type FeatureSpec struct {
	Key         FeatureKey
	ID          []string // id columns; DefaultID when empty
	Deps        []Dependency
	Containers  []ContainerSpec // one named DefaultContainer when empty
	Description string
	Metadata    map[string]string // free text; no effect on versions
}

// ContainerSpec declares a named part of a feature with a version of its own.
type ContainerSpec struct {
	Name string
	Code string // code version; DefaultCode when empty
	From []Source
	// Independent says that the container depends on nothing upstream. Without
	// it, and without From, a container depends on all of every dependency.
	Independent bool
}

// Source is what a container depends on in one upstream feature.
type Source struct {
	Feature    FeatureKey
	Containers []string // none means all of them
}

// Dependency is an upstream feature and how its rows meet this feature's.
type Dependency struct {
	Feature FeatureKey

	// Optional upstream may be missing, as a whole or for single samples; it
	// then hashes as empty. Required upstream that is missing makes a sample
	// wait (Increment.Missing).
	Optional bool

	// Rename maps a column of the upstream to its name here. Id columns may be
	// renamed, system columns not.
	Rename map[string]string

	// Select lists the upstream columns (names after renaming) that a resolve
	// may carry; nil means all, empty none. Id columns are always there.
	Select []string

	// Filter keeps upstream rows only where it is true. It sees the names
	// after renaming, and columns that Select leaves out.
	Filter expr.Expr

	// Lineage says how many upstream rows stand behind one sample.
	Lineage Lineage

	// On are the columns (after renaming) that group the upstream rows of an
	// Aggregation: this feature's id columns when empty.
	On []string
}

// Lineage is the shape of a dependency.
type Lineage uint8

// The lineages.
const (
	OneToOne    Lineage = iota // one upstream row a sample, same id columns
	Aggregation                // N:1, the upstream rows of a group together
	Expansion                  // 1:N, each sample takes its parent's version
)

// String gives "1:1", "N:1" or "1:N".
func (l Lineage) String() string {
	switch l {
	case OneToOne:
		return "1:1"
	case Aggregation:
		return "N:1"
	case Expansion:
		return "1:N"
	}
	return "unknown"
}

// FeatureOption sets a part of a FeatureSpec.
type FeatureOption func(*FeatureSpec)

// NewFeature declares a feature. Mistakes are reported by NewGraph, all at
// once, so that declarations can stand in package variables.
func NewFeature(key string, opts ...FeatureOption) FeatureSpec {
	f := FeatureSpec{Key: FeatureKey(key)}
	for _, o := range opts {
		o(&f)
	}
	return f
}

// ID names the id columns.
func ID(columns ...string) FeatureOption {
	return func(f *FeatureSpec) { f.ID = append(f.ID, columns...) }
}

// Describe adds a description for people.
func Describe(text string) FeatureOption {
	return func(f *FeatureSpec) { f.Description = text }
}

// Annotate adds free metadata, which no version depends on.
func Annotate(name, value string) FeatureOption {
	return func(f *FeatureSpec) {
		if f.Metadata == nil {
			f.Metadata = map[string]string{}
		}
		f.Metadata[name] = value
	}
}

// DependencyOption sets a part of a Dependency.
type DependencyOption func(*Dependency)

// DependsOn adds an upstream feature.
func DependsOn(feature string, opts ...DependencyOption) FeatureOption {
	d := Dependency{Feature: FeatureKey(feature)}
	for _, o := range opts {
		o(&d)
	}
	return func(f *FeatureSpec) { f.Deps = append(f.Deps, d) }
}

// Optional lets the upstream be missing.
func Optional() DependencyOption { return func(d *Dependency) { d.Optional = true } }

// Rename gives an upstream column another name here.
func Rename(from, to string) DependencyOption {
	return func(d *Dependency) {
		if d.Rename == nil {
			d.Rename = map[string]string{}
		}
		d.Rename[from] = to
	}
}

// Select limits the upstream columns that a resolve may carry.
func Select(columns ...string) DependencyOption {
	return func(d *Dependency) { d.Select = append(slices.Clip([]string{}), columns...) }
}

// Where keeps upstream rows only where e is true. Several are joined by AND.
func Where(e expr.Expr) DependencyOption {
	return func(d *Dependency) { d.Filter = expr.And(d.Filter, e) }
}

// Aggregate makes the dependency N:1: the upstream rows that agree on these
// columns stand behind one sample. Without columns they are grouped on this
// feature's id columns.
func Aggregate(on ...string) DependencyOption {
	return func(d *Dependency) { d.Lineage, d.On = Aggregation, on }
}

// Expand makes the dependency 1:N: the upstream's id columns are some of this
// feature's, and every sample takes the version of its parent.
func Expand() DependencyOption { return func(d *Dependency) { d.Lineage = Expansion } }

// ContainerOption sets a part of a ContainerSpec.
type ContainerOption func(*ContainerSpec)

// Container adds a part of the feature. Without From it depends on every
// container of every dependency.
func Container(name string, opts ...ContainerOption) FeatureOption {
	c := ContainerSpec{Name: name}
	for _, o := range opts {
		o(&c)
	}
	return func(f *FeatureSpec) { f.Containers = append(f.Containers, c) }
}

// Code sets the container's code version. Change it when the code changes.
func Code(version string) ContainerOption { return func(c *ContainerSpec) { c.Code = version } }

// From makes the container depend on these containers of an upstream feature;
// without names, on all of them.
func From(feature string, containers ...string) ContainerOption {
	s := Source{Feature: FeatureKey(feature), Containers: containers}
	return func(c *ContainerSpec) { c.From = append(c.From, s) }
}

// FromNothing makes the container independent of the upstream: only its code
// version enters its data version.
func FromNothing() ContainerOption { return func(c *ContainerSpec) { c.Independent = true } }

// withDefaults fills what was left out and shares no memory with f.
func (f FeatureSpec) withDefaults() FeatureSpec {
	f.ID = slices.Clone(f.ID)
	if len(f.ID) == 0 {
		f.ID = []string{DefaultID}
	}
	f.Metadata = maps.Clone(f.Metadata)
	f.Containers = slices.Clone(f.Containers)
	if len(f.Containers) == 0 {
		f.Containers = []ContainerSpec{{Name: DefaultContainer}}
	}
	for i, c := range f.Containers {
		if c.Code == "" {
			f.Containers[i].Code = DefaultCode
		}
		f.Containers[i].From = slices.Clone(c.From)
	}
	f.Deps = slices.Clone(f.Deps)
	for i, d := range f.Deps {
		f.Deps[i].Rename = maps.Clone(d.Rename)
		f.Deps[i].Select = slices.Clone(d.Select)
		f.Deps[i].On = slices.Clone(d.On)
	}
	return f
}

// container finds a container by name.
func (f FeatureSpec) container(name string) (ContainerSpec, bool) {
	i := slices.IndexFunc(f.Containers, func(c ContainerSpec) bool { return c.Name == name })
	if i < 0 {
		return ContainerSpec{}, false
	}
	return f.Containers[i], true
}

// dependsOn reports whether key is among the dependencies.
func (f FeatureSpec) dependsOn(key FeatureKey) bool {
	return slices.ContainsFunc(f.Deps, func(d Dependency) bool { return d.Feature == key })
}

// containerNames lists the containers in their declared order.
func (f FeatureSpec) containerNames() []string {
	names := make([]string, len(f.Containers))
	for i, c := range f.Containers {
		names[i] = c.Name
	}
	return names
}

// renamed gives an upstream column's name here.
func (d Dependency) renamed(column string) string {
	if to, ok := d.Rename[column]; ok {
		return to
	}
	return column
}
