package expr

import "strings"

// maxNearest bounds the work of Nearest: names longer than this have no suggestion.
const maxNearest = 256

// Nearest returns the candidate that name is most likely a misspelling of, for messages such as: did you mean "region"? It counts
// insertions, deletions, substitutions and exchanges of neighbors, without regard to case, and accepts about one for every three
// characters. Of equally near candidates the first wins.
func Nearest(name string, candidates []string) (string, bool) {
	if name == "" || len(name) > maxNearest {
		return "", false
	}
	want := []rune(strings.ToLower(name))
	limit := max(1, (len(want)+1)/3)
	best, found := "", false
	for _, c := range candidates {
		if len(c) > maxNearest || c == "" || c == name {
			continue
		}
		have := []rune(strings.ToLower(c))
		if d := distance(want, have); d <= limit && d < max(len(want), len(have)) {
			best, found, limit = c, true, d-1
		}
	}
	return best, found
}

// distance is the optimal string alignment distance.
func distance(a, b []rune) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
