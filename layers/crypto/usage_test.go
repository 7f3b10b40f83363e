package crypto_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// TestUsage: which keys and subjects the stored values need, counted without
// decrypting any.
func TestUsage(t *testing.T) {
	ctx := t.Context()
	below := memory.New()
	defer below.Close()
	ring := newRing(t)
	subjects, err := keys.OpenSubjects(t.TempDir() + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	opts := []crypto.Option{
		crypto.Column("**", "email", crypto.PerSubject(subjects, "id")), crypto.Column("**", "city", crypto.Deterministic()), crypto.Nested("profile.phone"),
	}
	writePeople(t, wrap(t, below, ring, opts...), somePeople()...)
	first := ring.Primary()
	ring, second, err := ring.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	writePeople(t, wrap(t, below, ring, opts...), person("p2", "robert@example.org", int64(43), "Rome", "v2b"))
	layer := crypto.New(ring, opts...)
	use, err := layer.KeyUse(ctx, below, people)
	if err != nil {
		t.Fatal(err)
	}
	// Four of five samples have an email, a city and a phone.
	if want := map[uint32]int64{first: 9, second: 3}; !maps.Equal(use.Latest, want) {
		t.Errorf("latest: %v, want %v", use.Latest, want)
	}
	if want := map[uint32]int64{first: 12, second: 3}; !maps.Equal(use.Every, want) {
		t.Errorf("every: %v, want %v", use.Every, want)
	}
	for subject, want := range map[string]map[string]int64{"p2": {"email": 2}, "p3": {}, "nobody": {}} {
		if got, err := layer.SubjectUse(ctx, below, people, subject); err != nil || !maps.Equal(got, want) {
			t.Errorf("subject %s: %v %v, want %v", subject, got, err, want)
		}
	}
	if got := subjects.Under(); got[first] != 5 || got[second] != 0 {
		t.Errorf("secrets of subjects: %v", got)
	}
	if err := subjects.Rewrap(ctx, ring); err != nil {
		t.Fatal(err)
	}
	if got := subjects.Under(); got[first] != 0 || got[second] != 5 {
		t.Errorf("secrets of subjects, wrapped again: %v", got)
	}
	if _, err := layer.KeyUse(ctx, below, "not/there"); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Errorf("a feature that is not there: %v", err)
	}
	plain := memory.New()
	defer plain.Close()
	writePeople(t, plain, somePeople()...)
	if use, err := layer.KeyUse(ctx, plain, people); err != nil || len(use.Every) > 0 {
		t.Errorf("a feature without protected columns: %v %v", use, err)
	}
}
