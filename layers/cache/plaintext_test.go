package cache_test

import (
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// A cache above a crypto layer must be accepted by name, and shows in the
// drawing; below it needs nothing.
func TestAbovePlaintextMustBeAccepted(t *testing.T) {
	above, below := cache.New(cache.AbovePlaintext()), cache.New()
	if !above.Info().Copies || above.Info().Phase >= core.PhaseCrypto || below.Info().Phase <= core.PhaseCrypto {
		t.Errorf("above: %+v, below: %+v", above.Info(), below.Info())
	}
	ring, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	build := func(l core.Layer, opts ...compose.Option) (*compose.Stack, error) {
		return compose.New(memory.New(), append(opts, compose.With(crypto.New(ring, crypto.Columns("email")), l))...)
	}
	_, err = build(above)
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
