package catalog_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// slowList takes its time for each feature.
type slowList struct {
	core.Store
	each  time.Duration
	lists *int
}

func (s slowList) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		*s.lists++
		for i, err := range s.Store.List(ctx, req) {
			select {
			case <-time.After(s.each):
			case <-ctx.Done():
				yield(core.Info{}, ctx.Err())
				return
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// A comparison that takes longer than any caller has time fails none of them,
// is made once, and comes to its end.
func TestSlowComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		defer func() { _ = inner.Close() }()
		for _, key := range []core.FeatureKey{"a", "b", "c", "d", "e"} {
			write(t, inner, key, samplesOf(1, 0)...)
		}
		lists := 0
		k := catalog.New(catalog.NewMemory(), catalog.SoleWriter())
		s := wrap(t, k, slowList{inner, 2 * time.Second, &lists})
		for i := range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if _, err := s.Stat(ctx, core.StatRequest{Key: "a"}); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			time.Sleep(150 * time.Millisecond)
			cancel()
		}
		before := time.Now()
		if notFound(t, s, "e") {
			t.Error("e is missing")
		}
		if waited := time.Since(before); waited > 0 {
			t.Errorf("a call waited for %s after others had waited for long", waited)
		}
		time.Sleep(10 * time.Second)
		if _, err := s.Stat(t.Context(), core.StatRequest{Key: "a"}); err != nil || lists != 1 || k.Stats().Answered == 0 {
			t.Errorf("%v, compared %d times, %+v", err, lists, k.Stats())
		}
	})
}

// Who has time waits for a comparison, but not for ever.
func TestWaitForTheComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		defer func() { _ = inner.Close() }()
		write(t, inner, "a", samplesOf(1, 0)...)
		for each, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Minute: catalog.DefaultCatchUpWait} {
			lists := 0
			s := wrap(t, catalog.New(catalog.NewMemory(), catalog.SoleWriter()), slowList{inner, each, &lists})
			began := time.Now()
			if notFound(t, s, "a") || time.Since(began) != want {
				t.Errorf("waited for %s, want %s", time.Since(began), want)
			}
			// Closing ends what is left of it.
			began = time.Now()
			if err := s.Close(); err != nil || time.Since(began) != 0 {
				t.Errorf("closing took %s, %v", time.Since(began), err)
			}
			if _, err := s.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrClosed) {
				t.Error(err)
			}
		}
	})
}

// Once the catalog answers again, any operation has what is behind registered.
func TestReadsDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		defer func() { _ = inner.Close() }()
		b := &beside{Catalog: catalog.NewMemory()}
		k := catalog.New(b, catalog.SoleWriter())
		s := wrap(t, k, inner)
		write(t, s, "video/a", samplesOf(2, 0)...)
		b.down = true
		write(t, s, "video/a", samplesOf(2, 1)...)
		for range 20 { // the catalog is left alone for longer each time
			time.Sleep(time.Second)
			if notFound(t, s, "video/a") {
				t.Error("video/a is missing")
			}
			synctest.Wait()
		}
		if b.tries < 3 || b.tries > 8 {
			t.Errorf("%d attempts in 20 seconds", b.tries)
		}
		b.down = false
		time.Sleep(2 * time.Minute)
		if notFound(t, s, "video/a") {
			t.Error("video/a is missing")
		}
		synctest.Wait()
		if k.Stats().Behind != 0 {
			t.Errorf("%+v", k.Stats())
		}
		agree(t, inner, b)
	})
}

// A clock that is put back puts nothing off.
func TestClockPutBack(t *testing.T) {
	inner, c := newStore(t), newClock()
	b := &beside{Catalog: catalog.NewMemory()}
	k := catalog.New(b, catalog.SoleWriter(), catalog.Clock(c.now))
	s := wrap(t, k, inner)
	write(t, s, "video/a", samplesOf(2, 0)...)
	b.down = true
	write(t, s, "video/a", samplesOf(2, 1)...)
	b.down = false
	c.pass(-24 * time.Hour)
	write(t, s, "video/b", samplesOf(2, 1)...)
	if k.Stats().Behind != 0 {
		t.Errorf("%+v", k.Stats())
	}
	aged := catalog.New(b, catalog.MaxAge(time.Minute), catalog.Clock(c.now))
	other := wrap(t, aged, inner)
	if !notFound(t, other, "video/c") {
		t.Error("video/c is there")
	}
	write(t, inner, "video/c", samplesOf(2, 1)...)
	c.pass(-time.Second)
	if notFound(t, other, "video/c") {
		t.Error("what was seen in the future is believed")
	}
}
