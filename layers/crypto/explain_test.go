package crypto_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestPushes: what is said to go to storage is what goes there.
func TestPushes(t *testing.T) {
	below := memory.New()
	defer below.Close()
	old := newRing(t)
	opts := []crypto.Option{crypto.Column("**", "email", crypto.Deterministic()), crypto.Column("**", "city", crypto.Beacon(4)), crypto.Column("**", "age", crypto.HideNulls())}
	writePeople(t, wrap(t, below, old, opts...), somePeople()...)
	rotated, _, err := old.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	disabled, err := rotated.Disable(old.Primary())
	if err != nil {
		t.Fatal(err)
	}
	tap := storetest.Tap()
	tapped, err := tap.Wrap(below)
	if err != nil {
		t.Fatal(err)
	}
	for name, ring := range map[string]crypto.KeyProvider{"one key": old, "two keys": rotated, "one of two disabled": disabled} {
		layer := crypto.New(ring, opts...)
		for filter, want := range map[string]string{
			"email = 'a'": "storage", "email <> 'a' AND id = 'p1'": "storage, storage", "email > 'a'": "above", "city = 'Oslo'": "both", "city > 'a' AND city IS NULL": "above, storage",
			"age = 3": "above", "age IS NULL": "above", "email = 'a' OR age = 3": "above", "NOT city = 'Oslo'": "above", "profile.lang = 'de'": "storage",
		} {
			terms, err := layer.Pushes(t.Context(), below, people, parsed(t, filter))
			if err != nil {
				t.Fatal(err)
			}
			var who, shapes []string
			for _, p := range terms {
				switch {
				case !p.Above:
					who = append(who, "storage")
				case p.Storage == "":
					who = append(who, "above")
				default:
					who = append(who, "both")
				}
				if p.Storage != "" {
					shapes = append(shapes, p.Storage)
				}
			}
			if name == "one of two disabled" {
				want = strings.ReplaceAll(want, "both", "above")
			}
			if got := strings.Join(who, ", "); got != want {
				t.Errorf("%s, %s: %s, want %s", name, filter, got, want)
			}
			tap.Reset()
			rows, err := wrap(t, tapped, ring, opts...).Read(t.Context(), core.ReadRequest{Key: people, Filter: parsed(t, filter)})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = storetest.Lines(rows)
			if asked := tap.Calls(core.OpRead)[0].Read.Filter; len(shapes) == 1 && expr.Shape(asked) != shapes[0] || len(shapes) == 0 && asked != nil {
				t.Errorf("%s, %s: storage was asked %s, not %s", name, filter, expr.Shape(asked), shapes)
			}
			if strings.Contains(fmt.Sprint(terms), "Oslo") {
				t.Errorf("a literal is shown: %s", terms)
			}
		}
	}
	strict := crypto.New(old, append(opts, crypto.NoResidual())...)
	if terms, err := strict.Pushes(t.Context(), below, people, parsed(t, "city = 'Oslo'")); err != nil || !terms[0].Refused || terms[0].String() != "refused: city = ?" {
		t.Error(terms, err)
	}
	if terms, err := strict.Pushes(t.Context(), below, people, nil); err != nil || len(terms) != 0 {
		t.Error(terms, err)
	}
	if _, err := strict.Pushes(t.Context(), below, people, parsed(t, "nothing = 1")); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}
