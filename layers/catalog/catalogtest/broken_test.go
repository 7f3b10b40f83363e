package catalogtest

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// broken is a catalog that does one thing wrong.
type broken struct {
	catalog.Catalog
	register func(context.Context, catalog.Materialization, catalog.Versions) error
	has      func(context.Context, core.FeatureKey, ...catalog.Condition) (catalog.Presence, error)
	features func(context.Context, catalog.Query) iter.Seq2[catalog.Entry, error]
	entry    func(catalog.Entry) catalog.Entry
	drop     func(context.Context, core.FeatureKey) error
	begin    func(context.Context, catalog.Intent) error
	describe func(context.Context, core.Info) error
	versions func(catalog.VersionCount) catalog.VersionCount
	close    func() error
}

func (b broken) RegisterMaterialization(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
	if b.register != nil {
		return b.register(ctx, m, v)
	}
	return b.Catalog.RegisterMaterialization(ctx, m, v)
}

func (b broken) HasFeature(ctx context.Context, key core.FeatureKey, c ...catalog.Condition) (catalog.Presence, error) {
	if b.has != nil {
		return b.has(ctx, key, c...)
	}
	return b.Catalog.HasFeature(ctx, key, c...)
}

func (b broken) Features(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
	if b.features != nil {
		return b.features(ctx, q)
	}
	return b.Catalog.Features(ctx, q)
}

func (b broken) Entry(ctx context.Context, key core.FeatureKey) (catalog.Entry, error) {
	e, err := b.Catalog.Entry(ctx, key)
	if b.entry != nil && err == nil {
		e = b.entry(e)
	}
	return e, err
}

func (b broken) Drop(ctx context.Context, key core.FeatureKey) error {
	if b.drop != nil {
		return b.drop(ctx, key)
	}
	return b.Catalog.Drop(ctx, key)
}

func (b broken) Begin(ctx context.Context, i catalog.Intent) error {
	if b.begin != nil {
		return b.begin(ctx, i)
	}
	return b.Catalog.Begin(ctx, i)
}

func (b broken) Describe(ctx context.Context, i core.Info) error {
	if b.describe != nil {
		return b.describe(ctx, i)
	}
	return b.Catalog.Describe(ctx, i)
}

func (b broken) MaterializedVersions(ctx context.Context, key core.FeatureKey, container string) iter.Seq2[catalog.VersionCount, error] {
	return func(yield func(catalog.VersionCount, error) bool) {
		for v, err := range b.Catalog.MaterializedVersions(ctx, key, container) {
			if b.versions != nil && err == nil {
				v = b.versions(v)
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

func (b broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Catalog.Close()
}

// again makes a commit another one, so that it is registered twice.
func again(c catalog.Catalog) catalog.Catalog {
	var n atomic.Int64
	return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
		m.Commit.Seq = n.Add(1)
		return c.RegisterMaterialization(ctx, m, v)
	}}
}

func brokenCatalogs() map[string]func(catalog.Catalog) catalog.Catalog {
	return map[string]func(catalog.Catalog) catalog.Catalog{
		"R1 forgets the identity": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
				m.Identity = ""
				return c.RegisterMaterialization(ctx, m, v)
			}}
		},
		"R2 counts a repeat": again,
		"R2 never learns who": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
				for there, err := range c.History(ctx, m.Key) {
					if err == nil && there.Commit.Seq == m.Commit.Seq && there.Identity == "" {
						m.Identity = ""
					}
				}
				return c.RegisterMaterialization(ctx, m, v)
			}}
		},
		"R3 ignores conflicts": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
				_ = c.RegisterMaterialization(ctx, m, v)
				return nil
			}}
		},
		"R4 believes there are no gaps": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, entry: func(e catalog.Entry) catalog.Entry { e.Through = e.Generation; return e }}
		},
		"R5 leaves out commits without rows": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
				if len(v.Containers) == 0 {
					return nil
				}
				return c.RegisterMaterialization(ctx, m, v)
			}}
		},
		"R6 takes what came": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
				for i, x := range v.Containers {
					v.Containers[i].Rows, v.Containers[i].Distinct = 0, 0
					for _, n := range x.Sorted {
						v.Containers[i].Rows += n
						v.Containers[i].Distinct++
					}
				}
				return c.RegisterMaterialization(ctx, m, v)
			}}
		},
		"R7 tells the wrong time": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, versions: func(v catalog.VersionCount) catalog.VersionCount { v.Last = at(1); return v }}
		},
		"R8 takes any key": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, begin: func(context.Context, catalog.Intent) error { return nil }}
		},
		"I1 says no while a write has begun": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, has: func(ctx context.Context, key core.FeatureKey, conditions ...catalog.Condition) (catalog.Presence, error) {
				p, err := c.HasFeature(ctx, key, conditions...)
				if e, _ := c.Entry(ctx, key); p == catalog.Maybe && e.Mode == catalog.Exact {
					p = catalog.No
				}
				return p, err
			}}
		},
		"I2 drops intents": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, drop: func(ctx context.Context, key core.FeatureKey) error {
				e, _ := c.Entry(ctx, key)
				for _, i := range e.Pending {
					_ = c.Abandon(ctx, i)
				}
				return c.Drop(ctx, key)
			}}
		},
		"D1 goes back": func(c catalog.Catalog) catalog.Catalog {
			var last core.Info
			return broken{
				Catalog: c, describe: func(ctx context.Context, i core.Info) error { last = i; return c.Describe(ctx, i) },
				entry: func(e catalog.Entry) catalog.Entry { e.Info = last; return e },
			}
		},
		"H1 denies a version now and then": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, has: func(ctx context.Context, key core.FeatureKey, conditions ...catalog.Condition) (catalog.Presence, error) {
				p, err := c.HasFeature(ctx, key, conditions...)
				if v := catalog.Ask(conditions...).Version; len(v) == 64 && strings.HasSuffix(v, "3") {
					p = catalog.No
				}
				return p, err
			}}
		},
		"Q1 forgets the limit": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, features: func(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
				q.Limit *= 2
				return c.Features(ctx, q)
			}}
		},
		"F1 keeps what was dropped": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, drop: func(context.Context, core.FeatureKey) error { return nil }}
		},
		"X1 works on after Close": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, close: func() error { return nil }}
		},
		"X2 does not look at the context": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, drop: func(ctx context.Context, key core.FeatureKey) error { return c.Drop(context.WithoutCancel(ctx), key) }}
		},
		"C1 loses a registration": func(c catalog.Catalog) catalog.Catalog {
			return broken{Catalog: c, register: func(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
				if m.Key == "all/f" && m.Commit.Seq == 17 {
					return nil
				}
				return c.RegisterMaterialization(ctx, m, v)
			}}
		},
		"C2 counts a commit for each racer": again,
	}
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed bool
}

type stop struct{}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Error(...any)          { r.failed = true }
func (r *recorder) Helper()               {}

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	panic(stop{})
}

func (r *recorder) Fatal(...any) { r.Fatalf("") }

// TestBrokenCatalogs: each fails the property that it breaks.
func TestBrokenCatalogs(t *testing.T) {
	all := map[string]property{}
	for _, p := range properties() {
		all[p.code] = p
	}
	tested := map[string]bool{}
	for name, breaks := range brokenCatalogs() {
		t.Run(name, func(t *testing.T) {
			code, _, _ := strings.Cut(name, " ")
			p, ok := all[code]
			if !ok {
				t.Fatal("there is no such property")
			}
			tested[code] = true
			r := &recorder{TB: t}
			cfg := Config{New: func(testing.TB) catalog.Catalog { return breaks(catalog.NewMemory()) }}
			if code == "C2" || code == "C1" {
				inGoroutines(t, r, cfg, p)
			} else {
				runOne(r, cfg, p)
			}
			if !r.failed {
				t.Errorf("%s does not notice it", p.name)
			}
		})
	}
	for code := range all {
		if exempt := map[string]string{
			"Q2": "a lock that is held would stop the test", "Q3": "its rows are made by InfoRows", "P1": "needs a durable catalog",
		}; !tested[code] && exempt[code] == "" {
			t.Errorf("nothing breaks %s", code)
		}
	}
}

// inGoroutines is for properties whose registrations, made in goroutines, are
// refused: a failure there must not end the process.
func inGoroutines(t *testing.T, r *recorder, cfg Config, p property) {
	t.Helper()
	open := cfg.New
	cfg.New = func(tb testing.TB) catalog.Catalog { return quiet{open(tb)} }
	runOne(r, cfg, p)
}

// quiet hides the errors of registrations.
type quiet struct{ catalog.Catalog }

func (q quiet) RegisterMaterialization(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
	_ = q.Catalog.RegisterMaterialization(ctx, m, v)
	return nil
}
