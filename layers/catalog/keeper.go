package catalog

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

const name = "catalog"

// Keeper is the handle of the layer that keeps a catalog current: each commit
// that the store below accepts is registered, and what the catalog knows for
// certain is answered from it. It also compares the two and repairs.
//
// A catalog belongs to one store. A keeper that wraps a second one still passes
// everything on, but answers nothing from the catalog any more.
type Keeper struct {
	cat     Catalog
	options options

	mu     sync.Mutex
	stores []*store
	drift  Drift
	pieces *pieces     // of a comparison that goes on
	shared atomic.Bool // more than one store

	counts counters
}

var _ core.Layer = (*Keeper)(nil)

// New makes the layer over a catalog, which it does not close. Wrong options
// are reported by Wrap, all at once.
func New(cat Catalog, opts ...Option) *Keeper {
	k := &Keeper{cat: cat, options: defaults()}
	for _, set := range opts {
		set(&k.options)
	}
	return k
}

// Info describes the layer.
func (k *Keeper) Info() core.LayerInfo {
	return core.LayerInfo{Name: name, Phase: core.PhaseCatalog, Summary: k.options.summary()}
}

// Wrap makes the store. Options that make no sense match core.ErrInvalid.
func (k *Keeper) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%w: catalog: there is no store to wrap", core.ErrInvalid)
	}
	if k.cat == nil {
		return nil, fmt.Errorf("%w: catalog: there is no catalog to keep", core.ErrInvalid)
	}
	if err := k.options.check(); err != nil {
		return nil, err
	}
	s := &store{
		next: next, keeper: k, caps: next.Capabilities(),
		writing: map[core.FeatureKey]int{}, behind: map[core.FeatureKey]*doubt{}, live: map[string]bool{}, asked: map[core.FeatureKey]time.Time{},
	}
	s.caught.Store(k.options.catchUp < 0)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stores = append(k.stores, s)
	k.shared.Store(len(k.stores) > 1)
	return s, nil
}

// only is the one store of this keeper.
func (k *Keeper) only() (*store, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(k.stores) == 0:
		return nil, fmt.Errorf("%w: catalog: the layer wraps no store yet", core.ErrInvalid)
	case len(k.stores) > 1:
		return nil, fmt.Errorf("%w: catalog: the layer wraps %d stores, and a catalog belongs to one", core.ErrInvalid, len(k.stores))
	case k.stores[0].closed.Load():
		return nil, fmt.Errorf("catalog: %w", core.ErrClosed)
	}
	return k.stores[0], nil
}

// Drift is by how many features the catalog differed from its store when the
// two were last compared as a whole, at once or in pieces. It has the fields of layers/metrics.Drift,
// so that one converts to the other.
type Drift struct {
	Missing int64 `json:"missing"` // held by the store, not in the catalog
	Extra   int64 `json:"extra"`   // in the catalog, with commits that the store does not hold
	Counts  int64 `json:"counts"`  // registered with other commits or versions than the store holds
	Stale   int64 `json:"stale"`   // with commits or a schema that are not registered yet
}

// Clean reports whether there is none.
func (d Drift) Clean() bool { return d == Drift{} }

func (d *Drift) plus(o Drift) {
	d.Missing, d.Extra, d.Counts, d.Stale = d.Missing+o.Missing, d.Extra+o.Extra, d.Counts+o.Counts, d.Stale+o.Stale
}

func (d *Drift) add(k Kind) {
	switch k {
	case Missing:
		d.Missing++
	case Extra:
		d.Extra++
	case Different:
		d.Counts++
	case Stale:
		d.Stale++
	}
}

// Drift tells what the last whole comparison found and what is known to have
// come since: features whose registration is still to be made count as stale.
func (k *Keeper) Drift() Drift {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := k.drift
	behind := int64(0)
	for _, s := range k.stores {
		behind += s.behindCount()
	}
	d.Stale = max(d.Stale, behind)
	return d
}

func (k *Keeper) setDrift(d Drift) {
	k.mu.Lock()
	k.drift = d
	k.mu.Unlock()
}

// Stats counts what a keeper did since it was made.
type Stats struct {
	Answered   int64 `json:"answered"`   // calls answered from the catalog
	Asked      int64 `json:"asked"`      // calls that the catalog could have answered and the store did
	Registered int64 `json:"registered"` // commits, by their writes
	Repaired   int64 `json:"repaired"`   // commits, from the store's log
	Failed     int64 `json:"failed"`     // registrations that did not succeed at once
	Behind     int64 `json:"behind"`     // features that wait for a repair now
}

type counters struct{ answered, asked, registered, repaired, failed atomic.Int64 }

// Stats tells how the keeper does.
func (k *Keeper) Stats() Stats {
	c := &k.counts
	s := Stats{
		Answered: c.answered.Load(), Asked: c.asked.Load(), Registered: c.registered.Load(), Repaired: c.repaired.Load(), Failed: c.failed.Load(),
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, st := range k.stores {
		s.Behind += st.behindCount()
	}
	return s
}

// problem tells of what went wrong beside an operation that itself succeeded.
func (k *Keeper) problem(key core.FeatureKey, err error) {
	if f := k.options.onProblem; f != nil && err != nil {
		f(key, err)
	}
}
