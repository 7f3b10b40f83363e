package cache_test

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
)

// A cache above a crypto layer must be accepted by name, and shows in the
// drawing; below it needs nothing.
func TestAbovePlaintextMustBeAccepted(t *testing.T) {
	above, below := cache.New(cache.AbovePlaintext()), cache.New()
	if !above.Info().Copies || above.Info().Phase >= core.PhaseCrypto || below.Info().Phase <= core.PhaseCrypto {
		t.Errorf("above: %+v, below: %+v", above.Info(), below.Info())
	}
	build := func(l core.Layer, opts ...compose.Option) (*compose.Stack, error) {
		return compose.New(memory.New(), append(opts, compose.With(crypto{}, l))...)
	}
	_, err := build(above)
	if v := compose.Violations(err); len(v) != 1 || v[0].Rule != compose.PlaintextCache {
		t.Errorf("got %v, want a violation of %s", err, compose.PlaintextCache)
	}
	s, err := build(above, compose.Accept(compose.PlaintextCache, "hits are worth it on this machine"))
	if err != nil {
		t.Fatal(err)
	}
	if text := s.String(); !strings.Contains(text, "keeps plaintext") || !strings.Contains(text, "plaintext-cache accepted") {
		t.Error(text)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = build(below); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// crypto takes the place of a crypto layer and does nothing.
type crypto struct{}

func (crypto) Info() core.LayerInfo { return core.LayerInfo{Name: "crypto", Phase: core.PhaseCrypto} }

func (crypto) Wrap(next core.Store) (core.Store, error) { return &cryptoStore{next: next}, nil }

type cryptoStore struct {
	core.Strict
	next core.Store
}

func (s *cryptoStore) Write(ctx context.Context, r core.WriteRequest) (core.Commit, error) {
	return s.next.Write(ctx, r)
}

func (s *cryptoStore) Read(ctx context.Context, r core.ReadRequest) (core.Rows, error) {
	return s.next.Read(ctx, r)
}

func (s *cryptoStore) Resolve(ctx context.Context, r core.ResolveRequest) (core.Increment, error) {
	return s.next.Resolve(ctx, r)
}

func (s *cryptoStore) List(ctx context.Context, r core.ListRequest) iter.Seq2[core.Info, error] {
	return s.next.List(ctx, r)
}

func (s *cryptoStore) Stat(ctx context.Context, r core.StatRequest) (core.Info, error) {
	return s.next.Stat(ctx, r)
}

func (s *cryptoStore) Evolve(ctx context.Context, r core.EvolveRequest) (core.Info, error) {
	return s.next.Evolve(ctx, r)
}
func (s *cryptoStore) Capabilities() core.Capabilities { return s.next.Capabilities() }
func (s *cryptoStore) Close() error                    { return nil }
