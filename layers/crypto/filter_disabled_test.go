package crypto_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/storetest"
)

// TestFilterUnderDisabledKey: a filter that storage answers leaves no row out
// because its key is disabled. It ends as a plain read does, as long as the rest
// of the filter leaves such a row, and gives what a plain store gives otherwise.
func TestFilterUnderDisabledKey(t *testing.T) {
	old := newRing(t)
	rotated, _, err := old.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	ring, err := rotated.Disable(old.Primary())
	if err != nil {
		t.Fatal(err)
	}
	plain := memory.New()
	defer plain.Close()
	writePeople(t, plain, somePeople()...)
	det := crypto.Deterministic()
	for name, opts := range map[string][]crypto.Option{
		"deterministic": {crypto.Column("**", "email", det), crypto.Column("**", "age", det), crypto.Column("**", "city", det)},
		"hidden":        {crypto.Column("**", "email", det, crypto.HideNulls()), crypto.Column("**", "age", det), crypto.Column("**", "city", det)},
		"beacon":        {crypto.Column("**", "email", crypto.Beacon(9)), crypto.Column("**", "age", crypto.Beacon(9)), crypto.Column("**", "city", crypto.Beacon(9))},
	} {
		t.Run(name, func(t *testing.T) {
			below := memory.New()
			defer below.Close()
			writePeople(t, wrap(t, below, old, opts...), somePeople()[:2]...) // p1 and p2
			writePeople(t, wrap(t, below, rotated, opts...), somePeople()[2:]...)
			tap := storetest.Tap(storetest.TapRows())
			tapped, err := tap.Wrap(below)
			if err != nil {
				t.Fatal(err)
			}
			s := wrap(t, tapped, ring, opts...)
			for filter, readable := range map[string]bool{
				"email = 'ann@example.org'": false, "email IN ('bob@example.org', 'nobody')": false, "email = 'nobody'": false, "email <> 'nobody'": false,
				"NOT email = 'ann@example.org'": false, "NOT (email = 'ann@example.org' OR age = 3)": false, "email = 'x' OR city = 'y'": false,
				"NOT (email = 'ann@example.org' AND id = 'p1')": false, "(email = 'x' AND age = 1) OR id = 'p4'": false, "age = 31 AND id = 'p2'": false,
				"email = 'ann@example.org' AND id >= 'p3'": true, "age = 31 AND NOT id IN ('p1', 'p2')": true, "NOT email = '' AND id > 'p2'": true, "id >= 'p3'": true,
			} {
				lines, err := readLines(t, s, core.ReadRequest{Columns: []string{"id"}, Filter: parsed(t, filter)})
				if !readable && !errors.Is(err, crypto.ErrKeyDisabled) {
					t.Errorf("%s gives %v %v, want ErrKeyDisabled", filter, lines, err)
				}
				if want := mustRead(t, plain, core.ReadRequest{Columns: []string{"id"}, Filter: parsed(t, filter)}); readable && (err != nil || strings.Join(lines, " ") != strings.Join(want, " ")) {
					t.Errorf("%s gives %v %v, want %v", filter, lines, err, want)
				}
			}
			if _, err := crypto.New(rotated, opts...).Reencrypt(t.Context(), below, planOf(t, people), 10, nil); err != nil {
				t.Fatal(err)
			}
			tap.Reset()
			if got := ids(t, s, "email = 'ann@example.org'"); got != "p1 p4" {
				t.Errorf("encrypted again it gives %q", got)
			}
			if n := len(tap.Calls(core.OpRead)[0].Rows); name == "deterministic" && n != 2 {
				t.Errorf("and was not answered below: %d rows came up", n)
			}
		})
	}
}
