package resolve

import (
	"bytes"
	"slices"

	"github.com/metaxy-go/metaxy/core/ident"
	"github.com/metaxy-go/metaxy/core/version"
)

// groupTexts holds the versions of a span of groups for one container.
type groupTexts struct {
	data []byte
	ends []int // of each group's version
}

// groupSpan is how many groups one job works on.
const groupSpan = 4096

// member is one row of a group on its way to being ordered.
type member struct {
	at   ref
	from int // its id's text within the scratch buffer
	to   int
}

// hashGroups computes the versions of the groups whose leaders are leads[lo:hi]:
// each group's rows in the bytewise order of the upstream ids' canonical text.
func (s *side) hashGroups(leads []ref, lo, hi int, views []*ident.View, out []groupTexts) {
	var members []member
	var text []byte
	grouper := version.SHA256.Group()
	for _, lead := range leads[lo:hi] {
		members, text = members[:0], text[:0]
		for n := s.number(lead); ; n = int64(s.next[n]) - 1 {
			r := s.ref(n)
			from := len(text)
			text = views[r.block()].AppendText(text, r.row())
			members = append(members, member{r, from, len(text)})
			if s.next[n] == 0 {
				break
			}
		}
		slices.SortStableFunc(members, func(a, b member) int {
			return bytes.Compare(text[a.from:a.to], text[b.from:b.to])
		})
		for c := range s.versions {
			for _, m := range members {
				v, _ := s.blocks[m.at.block()].texts[c].value(m.at.row())
				grouper.Add(v)
			}
			t := &out[c]
			t.data = grouper.Append(t.data)
			t.ends = append(t.ends, len(t.data))
		}
	}
}

// leaders lists the first row of each group.
func (s *side) leaders() []ref {
	out := make([]ref, 0, s.groups)
	for at, b := range s.blocks {
		for _, row := range b.leads {
			out = append(out, makeRef(at, int(row)))
		}
	}
	return out
}

// groupVersion gives the version of a group, which is never null.
func (s *side) groupVersion(container, group int) []byte {
	t := &s.texts[group/groupSpan*len(s.versions)+container]
	at, from := group%groupSpan, 0
	if at > 0 {
		from = t.ends[at-1]
	}
	return t.data[from:t.ends[at]]
}
