// Package fallback is a layer that reads features which this store does not
// hold from other stores, its legs: a development store over staging over
// production.
//
//	store, err := compose.New(db, compose.With(fallback.New(prod)))
//
// # What is read from where
//
// Fallback is per feature and nothing is merged: a feature that holds a commit
// here hides the legs entirely, even when no row matches. A table into which
// no row was ever written does not count, unless no leg holds more. Legs are
// asked in their order, depth first, since a leg may fall back itself. Only
// core.ErrFeatureNotFound moves on to the next leg, and core.ErrUnavailable
// with OnUnavailable. Anything else, a denial or a broken integrity above all,
// is the answer. AsOf counts the commits of whichever store answers. A request
// with Local set sees this store alone.
//
// Writes and schema changes stay here. Retiring samples of a feature that only
// a leg holds is core.ErrUnsupported: the tombstones would hide all of it.
//
// # Resolve
//
// Where the feature and its upstream are all here, the store below resolves
// natively. Otherwise the universal engine reads the upstream through the
// legs. A feature that only a leg holds is compared with the leg's rows, and
// when they are current there is nothing to do: a branch does not compute
// again what production has. When they are not, the whole feature is new here,
// because the first row written here hides the leg's: an increment of the
// difference alone would leave this store with the difference alone.
// CompareAsRead gives that difference all the same, for reports.
//
// An increment with upstream from a leg has no Basis: the leg's commit numbers
// mean nothing here.
//
// # Overlay
//
// With Overlay the stores are merged by sample: of each sample the first store
// that ever held it answers, so a row written here wins, and a sample retired
// here is hidden whatever the legs hold. The column core.ColOrigin, returned
// when it is named, tells the leg that a row came from, "" for this store.
// What the stores have in common must agree: the id columns, and the types of
// columns up to a widening; else it is core.ErrConflict. A column or container
// that a store lacks reads as null there.
//
// Writes stay here. The first write of a feature that legs hold is checked
// against their schema, and samples that only a leg holds can be retired: the
// feature is then made here, by an empty commit before that of the tombstones.
// A resolve compares with what is read, so only the difference is computed.
//
// Commit numbers are those of the first store that holds the feature, and so
// are Stat's Generation, Log and SchemaVersion. AsOf a commit shows that store
// right after it, and the others as they were until its next commit. History
// gives the rows of all stores. Both, and the overlay itself, need stores that
// keep history, but for the last. Stat's Rows is -1 for a feature that is
// merged, its Origin the legs joined by "+", with a leading "+" where this
// store holds the feature too.
//
// A read keeps a hash of each id that the stores before the last ever held, 21
// to 43 bytes a sample, and streams everything else. Every read asks all
// stores, and fails when one fails, unless OnUnavailable leaves out those that
// cannot be reached: samples that they hide then show.
package fallback

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// Name is the layer's name in descriptions and errors.
const Name = "fallback"

// Fallback is the layer. It may wrap several stores.
type Fallback struct {
	legs []leg
	o    options
}

var (
	_ core.Layer  = (*Fallback)(nil)
	_ core.Holder = (*Fallback)(nil)
)

type leg struct {
	name  string
	store core.Store
}

type options struct {
	overlay     bool
	unavailable bool
	owns        bool
	asRead      bool
}

// New makes a layer that falls back to these stores, in this order. Each is
// called by the name of its stack (compose.Named) or else of its backend.
func New(legs ...core.Store) *Fallback {
	opts := make([]Option, len(legs))
	for i, s := range legs {
		opts[i] = Leg("", s)
	}
	return NewWith(opts...)
}

// NewWith makes a layer from options. The legs are asked in the order in which
// they are written; other options commute.
func NewWith(opts ...Option) *Fallback {
	f := &Fallback{}
	for _, set := range opts {
		if set != nil {
			set(f)
		}
	}
	for i, l := range f.legs {
		if l.name == "" && l.store != nil {
			f.legs[i].name = f.freeName(l.store)
		}
	}
	return f
}

// Option sets a choice of NewWith.
type Option func(*Fallback)

// Leg adds a store to fall back to. The name, such as "prod", stands in
// Info.Origin, in errors and in drawings; "" takes that of the stack.
func Leg(name string, s core.Store) Option {
	return func(f *Fallback) { f.legs = append(f.legs, leg{name, s}) }
}

// OnUnavailable makes a store that cannot be reached a reason to ask the next
// one. What is then read may be older than what the unreachable store holds.
// Should no other store hold the feature, or a List be incomplete, the error is
// still reported.
func OnUnavailable() Option { return func(f *Fallback) { f.o.unavailable = true } }

// Overlay merges the stores by sample instead of choosing one by feature: what
// is here wins, the legs supply the rest (see the package's comment).
func Overlay() Option { return func(f *Fallback) { f.o.overlay = true } }

// OwnLegs makes Close close the legs, which otherwise belong to the caller.
func OwnLegs() Option { return func(f *Fallback) { f.o.owns = true } }

// CompareAsRead makes Resolve answer against the rows that Read gives, a leg's
// included, even if that answer must not be written here (see the package's
// comment).
func CompareAsRead() Option { return func(f *Fallback) { f.o.asRead = true } }

// Info is core.Layer's. It describes each leg as a stack.
func (f *Fallback) Info() core.LayerInfo {
	info := core.LayerInfo{Name: Name, Phase: core.PhaseFallback}
	var words []string
	for _, l := range f.legs {
		if l.store == nil {
			continue
		}
		d := core.DescribeStore(l.store)
		d.Name = l.name
		info.Legs = append(info.Legs, d)
		words = append(words, l.name)
	}
	if f.o.overlay {
		words = append(words, "overlaid")
	}
	if f.o.unavailable {
		words = append(words, "also when unavailable")
	}
	info.Summary = strings.Join(words, ", ")
	return info
}

// Holds reports whether one of the legs is or stands on s.
func (f *Fallback) Holds(s core.Store) bool {
	return slices.ContainsFunc(f.legs, func(l leg) bool { return l.store != nil && core.StandsOn(l.store, s) })
}

// Wrap is core.Layer's. A nil leg, two legs of one name and a leg that stands
// on next are core.ErrInvalid.
func (f *Fallback) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, invalidf("there is no store to wrap")
	}
	s := &store{next: next, here: newPlace("", next), o: f.o}
	for i, l := range f.legs {
		if l.store == nil {
			return nil, invalidf("leg %d is nil", i+1)
		}
		if slices.ContainsFunc(f.legs[:i], func(o leg) bool { return o.name == l.name }) {
			return nil, invalidf("two legs are called %q", l.name)
		}
		if core.StandsOn(l.store, next) {
			return nil, invalidf("leg %s stands on the very store that falls back to it", l.name)
		}
		s.legs = append(s.legs, newPlace(l.name, l.store))
	}
	s.caps = s.capabilities()
	return s, nil
}

// freeName gives a store's own name, numbered when another leg has it.
func (f *Fallback) freeName(s core.Store) string {
	d := core.DescribeStore(s)
	own := d.Name
	if own == "" {
		own = d.Backend
	}
	name := own
	for n := 2; slices.ContainsFunc(f.legs, func(l leg) bool { return l.name == name }); n++ {
		name = fmt.Sprintf("%s %d", own, n)
	}
	return name
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%s: %w: %w", Name, core.ErrInvalid, fmt.Errorf(format, args...))
}
