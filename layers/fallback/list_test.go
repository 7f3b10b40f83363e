package fallback_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
)

// Whatever is where, Read, Stat and List agree on who answers: the first store
// with a row, or else the first with a commit.
func TestWhoAnswers(t *testing.T) {
	keys := []core.FeatureKey{"a", "b/c", "d", root}
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"", "l1", "l2", "l3"}[:rapid.IntRange(1, 4).Draw(rt, "stores")]
		stores := make([]core.Store, len(names))
		var opts []fallback.Option
		for i, name := range names {
			stores[i] = memory.New()
			defer func() { _ = stores[i].Close() }()
			if i > 0 {
				opts = append(opts, fallback.Leg(name, stores[i]))
			}
		}
		want := map[core.FeatureKey]string{}
		for _, key := range keys {
			at, counted := -1, false
			for i := range stores {
				held := rapid.SampledFrom([]string{"nothing", "empty", "rows", "retired"}).Draw(rt, fmt.Sprintf("%s in %d", key, i))
				if held == "nothing" {
					continue
				}
				put(t, stores[i], key, versions{})
				if held != "empty" {
					put(t, stores[i], key, versions{"x": names[i]})
				}
				if held == "retired" {
					put(t, stores[i], key, versions{"x": ""})
				}
				if rows := held != "empty"; at < 0 || rows && !counted {
					at, counted = i, rows
				}
			}
			if at >= 0 {
				want[key] = names[at]
			}
		}
		s, err := fallback.NewWith(opts...).Wrap(stores[0])
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		got := map[core.FeatureKey]string{}
		var order []core.FeatureKey
		for info, err := range s.List(context.Background(), core.ListRequest{}) {
			if err != nil {
				rt.Fatal(err)
			}
			got[info.Key] = info.Origin
			order = append(order, info.Key)
		}
		if !slices.IsSorted(order) || len(slices.Compact(order)) != len(want) {
			rt.Fatalf("listed %v", order)
		}
		for _, key := range keys {
			origin, ok := want[key]
			info, err := s.Stat(context.Background(), core.StatRequest{Key: key})
			_, read := s.Read(context.Background(), core.ReadRequest{Key: key})
			if !ok {
				if !errors.Is(err, core.ErrFeatureNotFound) || !errors.Is(read, core.ErrFeatureNotFound) {
					rt.Fatalf("%s: Stat %v, Read %v", key, err, read)
				}
				continue
			}
			if err != nil || read != nil || info.Origin != origin || got[key] != origin {
				rt.Fatalf("%s: Stat from %q (%v), List from %q, want %q; Read %v", key, info.Origin, err, got[key], origin, read)
			}
			for id, version := range get(t, s, core.ReadRequest{Key: key}) {
				if version != origin {
					rt.Fatalf("%s: sample %s of %q, want %q", key, id, version, origin)
				}
			}
		}
	})
}

func TestListErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		opts []fallback.Option
		want string
	}{
		"denied":               {core.ErrDenied, nil, "a !denied"},
		"unavailable":          {core.ErrUnavailable, nil, "a !unavailable"},
		"unavailable is asked": {core.ErrUnavailable, []fallback.Option{fallback.OnUnavailable()}, "a b/c d !unavailable"},
		"denied all the same":  {core.ErrDenied, []fallback.Option{fallback.OnUnavailable()}, "a !denied"},
	} {
		t.Run(name, func(t *testing.T) {
			base, bad, good := open(t), watch(open(t)), open(t)
			put(t, bad, "a", versions{"x": "1"})
			put(t, good, "b/c", versions{"x": "1"})
			put(t, good, "d", versions{"x": "1"})
			bad.fail[core.OpList] = c.err // after its features
			s := over(t, base, fallback.NewWith(append(c.opts, fallback.Leg("bad", bad), fallback.Leg("good", good))...))
			var got []string
			for info, err := range s.List(t.Context(), core.ListRequest{}) {
				if err != nil {
					text := err.Error()
					got = append(got, "!"+text[strings.LastIndex(text, " ")+1:])
					if !errors.Is(err, c.err) {
						t.Error(err)
					}
					continue
				}
				got = append(got, string(info.Key))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// Leaving the loop early stops every listing below (goleak sees those that
// are not).
func TestListBreak(t *testing.T) {
	base, prod := open(t), open(t)
	put(t, base, "a", versions{"x": "1"})
	put(t, prod, "b/c", versions{"x": "1"})
	for range over(t, base, fallback.New(prod)).List(t.Context(), core.ListRequest{}) {
		break
	}
}
