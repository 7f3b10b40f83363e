package catalog

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/metaxy-go/metaxy/core"
)

// The intents of a rebuild are "rebuild", something random and, in those that
// tell who wrote what, the numbers of commits such as "1-3,7-7", the time of the
// last of these in microseconds, and the name: parted by blanks.
const rebuildPrefix = "rebuild "

// mostNote bounds an intent: PostgreSQL keeps no index entry above 2,700 bytes.
const mostNote = 1 << 10

func rebuildID(note string) string {
	if note == "" {
		return rebuildPrefix + rand.Text()
	}
	return rebuildPrefix + rand.Text() + " " + note
}

// notes are the ids of intents that tell who wrote these commits.
func notes(who map[int64]string, commits map[int64]core.Commit) []string {
	by := map[string][]int64{}
	for _, seq := range slices.Sorted(maps.Keys(who)) {
		by[who[seq]] = append(by[who[seq]], seq)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if len(name) > mostNote {
			continue // such a name is kept unless the rebuild is cut off
		}
		var ranges strings.Builder
		seqs := by[name]
		for i := 0; i < len(seqs); i++ {
			first := seqs[i]
			for i+1 < len(seqs) && seqs[i+1] == seqs[i]+1 {
				i++
			}
			if ranges.Len() > 0 {
				ranges.WriteByte(',')
			}
			fmt.Fprintf(&ranges, "%d-%d", first, seqs[i])
			if ranges.Len() > mostNote || i == len(seqs)-1 {
				out = append(out, rebuildID(fmt.Sprintf("%s %d %s", ranges.String(), commits[seqs[i]].Time.UnixMicro(), name)))
				ranges.Reset()
			}
		}
	}
	return out
}

// names adds to known what the intents of rebuilds that were cut off tell of the
// commits in the log.
func names(pending []Intent, log []core.Commit, known map[int64]string) map[int64]string {
	out := maps.Clone(known)
	if out == nil {
		out = map[int64]string{}
	}
	if len(log) == 0 {
		return out
	}
	var held map[int64]core.Commit
	for _, i := range pending {
		part := strings.SplitN(i.ID, " ", 5)
		if part[0]+" " != rebuildPrefix || len(part) != 5 {
			continue
		}
		if held == nil {
			held = bySeq(log)
		}
		last, err := strconv.ParseInt(part[2][strings.LastIndexAny(part[2], ",-")+1:], 10, 64)
		if at := strconv.FormatInt(held[last].Time.UnixMicro(), 10); err != nil || at != part[3] {
			continue // it is about the commits of another store
		}
		for r := range strings.SplitSeq(part[2], ",") {
			var from, to int64
			if n, _ := fmt.Sscanf(r, "%d-%d", &from, &to); n != 2 {
				break
			}
			for seq := from; seq <= min(to, last); seq++ {
				if _, ok := held[seq]; ok && out[seq] == "" {
					out[seq] = part[4]
				}
			}
		}
	}
	return out
}

func bySeq(log []core.Commit) map[int64]core.Commit {
	out := make(map[int64]core.Commit, len(log))
	for _, c := range log {
		out[c.Seq] = c
	}
	return out
}
