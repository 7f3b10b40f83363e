package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// beside is a catalog in which something else happens before or after a call,
// once.
type beside struct {
	catalog.Catalog
	down                       bool // registrations fail
	tries                      int  // that failed
	drop, register, registered func()
	entry                      func()
}

func once(f *func()) {
	if g := *f; g != nil {
		*f = nil
		g()
	}
}

func (b *beside) Drop(ctx context.Context, key core.FeatureKey) error {
	once(&b.drop)
	return b.Catalog.Drop(ctx, key)
}

func (b *beside) RegisterMaterialization(ctx context.Context, m catalog.Materialization, v catalog.Versions) error {
	if b.down {
		b.tries++
		return errDown
	}
	once(&b.register)
	err := b.Catalog.RegisterMaterialization(ctx, m, v)
	once(&b.registered)
	return err
}

func (b *beside) Entry(ctx context.Context, key core.FeatureKey) (catalog.Entry, error) {
	e, err := b.Catalog.Entry(ctx, key)
	once(&b.entry)
	return e, err
}

// written fails unless the layer finds the version.
func written(tb testing.TB, k *catalog.Keeper, key core.FeatureKey, version string) {
	tb.Helper()
	if has, err := k.HasFeature(tb.Context(), key, catalog.WithVersion(version)); err != nil || !has {
		tb.Errorf("version %s of %s was written: %t, %v", version, key, has, err)
	}
}

// writers tells who wrote which commit, as the catalog knows it.
func writers(tb testing.TB, c catalog.Catalog, key core.FeatureKey) string {
	tb.Helper()
	var out []string
	for m, err := range c.History(tb.Context(), key) {
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%d %s", m.Commit.Seq, m.Identity))
	}
	return strings.Join(out, ", ")
}

func by(name string) catalog.Option {
	return catalog.Identity(func(context.Context) string { return name })
}

// A doubt that comes while a repair or a comparison runs is not ended by it.
func TestDoubtDuringARepair(t *testing.T) {
	inner, b := newStore(t), &beside{Catalog: catalog.NewMemory()}
	var during func()
	k := catalog.New(b, catalog.SoleWriter())
	s := wrap(t, k, slowRead{inner, &during})
	missed := func(version string) func() {
		return func() {
			b.down = true
			write(t, s, "video/a", sample{"new", version, version})
			b.down = false
		}
	}
	write(t, s, "video/a", samplesOf(2, 0)...)
	missed("v1")()
	b.registered = missed("v2")
	if err := k.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	written(t, k, "video/a", "v2")

	during = missed("v3") // a comparison in depth reads the rows
	if _, err := k.Reconcile(t.Context(), catalog.Job{Sample: 1}); err != nil {
		t.Fatal(err)
	}
	written(t, k, "video/a", "v3")

	b.entry = missed("v4")
	if _, err := k.Reconcile(t.Context(), catalog.Job{}); err != nil {
		t.Fatal(err)
	}
	written(t, k, "video/a", "v4")
	if err := k.Flush(t.Context()); err != nil || k.Stats().Behind != 0 {
		t.Errorf("%v, %+v", err, k.Stats())
	}
	agree(t, inner, b)
}

type slowRead struct {
	core.Store
	during *func()
}

func (s slowRead) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	rows, err := s.Store.Read(ctx, req)
	once(s.during)
	return rows, err
}

// Who wrote a commit is told by its writer also when another program was faster
// to register it.
func TestRegisteredByAnother(t *testing.T) {
	for name, down := range map[string]bool{"at once": false, "later": true} {
		inner, cat := newStore(t), catalog.NewMemory()
		b := &beside{Catalog: cat}
		k := catalog.New(b, by("ada"), catalog.EveryWriterRegisters())
		s := wrap(t, k, inner)
		write(t, s, "video/b", samplesOf(1, 0)...) // the first comparison is over
		other := func() {
			if _, err := wrap(t, catalog.New(cat), inner).Stat(t.Context(), core.StatRequest{Key: "video/a"}); err != nil {
				t.Error(err)
			}
		}
		if b.down = down; !down {
			b.register = other
		}
		write(t, s, "video/a", samplesOf(2, 0)...)
		if down {
			other()
		}
		b.down = false
		if err := k.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		agree(t, inner, cat)
		if got := writers(t, cat, "video/a"); got != "1 ada" {
			t.Errorf("%s: written by %s", name, got)
		}
	}
}
