package catalog

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEncodeVersion(t *testing.T) {
	for version, want := range map[string]string{
		"": "r", "abcd": "x\xab\xcd", "ABCD": "rABCD", "abc": "rabc", "0": "r0", "00": "x\x00", "zz": "rzz", "é": "ré", "r": "rr", "x": "rx",
	} {
		if got := EncodeVersion([]byte("before"), version); string(got) != "before"+want {
			t.Errorf("%q is encoded as %q", version, got)
		}
		if got, ok := DecodeVersion([]byte(want)); !ok || got != version {
			t.Errorf("%q is decoded as %q, %t", want, got, ok)
		}
	}
	for _, bad := range []string{"", "x", "yabc"} {
		if _, ok := DecodeVersion([]byte(bad)); ok {
			t.Errorf("%q is a version", bad)
		}
	}
}

// A tally counts what a map counts, in order, whatever spills.
func TestTally(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tally := newTally(int64(rapid.SampledFrom([]int{64, 512, 4096, 1 << 20}).Draw(rt, "budget")), t.TempDir())
		defer tally.close()
		version := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{1,2}`), rapid.StringMatching(`[0-9a-f]{40}`), rapid.StringMatching(`[A-Zé]{0,12}`))
		model := map[group]map[string]int64{}
		for range rapid.IntRange(0, 300).Draw(rt, "rows") {
			g := group{seq: rapid.Int64Range(0, 2).Draw(rt, "seq"), container: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "container")}
			v := version.Draw(rt, "version")
			tally.add(tally.bucket(g), v)
			if model[g] == nil {
				model[g] = map[string]int64{}
			}
			model[g][v]++
		}
		for seq := range int64(3) {
			got, err := tally.versions(seq)
			if err != nil {
				rt.Fatal(err)
			}
			var want []string
			for _, container := range []string{"a", "b"} {
				m := model[group{seq, container}]
				for _, v := range slices.SortedFunc(maps.Keys(m), func(a, b string) int { return bytes.Compare(EncodeVersion(nil, a), EncodeVersion(nil, b)) }) {
					want = append(want, fmt.Sprintf("%s %q %d", container, EncodeVersion(nil, v), m[v]))
				}
			}
			for range 2 { // it can be ranged over again
				var have []string
				for _, c := range got.Containers {
					var distinct, rows int64
					for v, n := range c.Sorted {
						have = append(have, fmt.Sprintf("%s %q %d", c.Container, v, n))
						distinct, rows = distinct+1, rows+n
					}
					if err := c.Complete(distinct, rows); err != nil {
						rt.Error(err)
					}
					for range c.Sorted {
						break
					}
				}
				if strings.Join(have, "\n") != strings.Join(want, "\n") {
					rt.Fatalf("got\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	})
}
