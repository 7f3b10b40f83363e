package catalog

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Many versions, which another core helps with, come in order and once, however
// often they are ranged over and wherever that is left.
func TestTallyOfMany(t *testing.T) {
	tally := newTally(64<<20, t.TempDir())
	defer tally.close()
	g := group{container: "a"}
	const distinct = 3*aside + 7
	for i := range 2 * distinct {
		tally.add(tally.bucket(g), fmt.Sprintf("%040x", i*7919%distinct))
	}
	got, err := tally.versions(0)
	if err != nil || len(got.Containers) != 1 || got.Containers[0].Distinct != distinct || got.Containers[0].Rows != 2*distinct {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, leave := range []int{distinct, 1, aside/4 + 1, distinct} {
		n := 0
		var last []byte
		for v, rows := range got.Containers[0].Sorted {
			if text, _ := DecodeVersion(v); rows != 2 || text != fmt.Sprintf("%040x", n) || bytes.Compare(last, v) >= 0 {
				t.Fatalf("version %d is %q with %d rows", n, text, rows)
			}
			last = append(last[:0], v...)
			if n++; n == leave {
				break
			}
		}
		if n != leave {
			t.Errorf("%d versions, want %d", n, leave)
		}
	}
}

func TestSortHalves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.Int32Range(0, 1<<20).Draw(rt, "most")
		got := make([]int32, rapid.IntRange(0, 3*aside).Draw(rt, "n"))
		seed := rapid.Int64().Draw(rt, "seed")
		for i := range got {
			seed = seed*6364136223846793005 + 1442695040888963407
			got[i] = int32(seed>>40) % (most + 1)
		}
		want := slices.Clone(got)
		slices.Sort(want)
		if got = sortHalves(got, func(x, y int32) int { return int(x) - int(y) }); !slices.Equal(got, want) {
			rt.Fatal("not in order")
		}
	})
}
