package cache

import (
	"container/list"
	"iter"
	"strings"
)

// index finds the entries that a request may be derived from, those of a
// feature and those that are over, each without looking at the others.
type index struct {
	topics map[topic]map[moment]answers
	ages   list.List // of entries that expire, the oldest first
}

// answers are the entries of a moment by the terms that made them, the newest
// first.
type answers map[string]*list.List

// A miss looks at a bounded number of entries, however many are kept.
const (
	mostTerms   = 5  // up to here every subset of a filter's terms is looked up
	mostAnswers = 16 // that the same terms made, with different columns
)

// termsKey names a set of terms, which are canonical and so in order.
func termsKey(texts []string) string { return strings.Join(texts, "\x00") }

func newIndex() index { return index{topics: map[topic]map[moment]answers{}} }

func (x *index) add(e *entry) {
	moments := x.topics[e.key.topic]
	if moments == nil {
		moments = map[moment]answers{}
		x.topics[e.key.topic] = moments
	}
	byTerms := moments[e.key.moment]
	if byTerms == nil {
		byTerms = answers{}
		moments[e.key.moment] = byTerms
	}
	same := byTerms[e.terms]
	if same == nil {
		same = list.New()
		byTerms[e.terms] = same
	}
	e.place = same.PushFront(e)
	if !e.expires.IsZero() {
		e.age = x.ages.PushBack(e)
	}
}

func (x *index) drop(e *entry) {
	if e.age != nil {
		x.ages.Remove(e.age)
	}
	moments := x.topics[e.key.topic]
	byTerms := moments[e.key.moment]
	same := byTerms[e.terms]
	if same.Remove(e.place); same.Len() > 0 {
		return
	}
	if delete(byTerms, e.terms); len(byTerms) > 0 {
		return
	}
	if delete(moments, e.key.moment); len(moments) == 0 {
		delete(x.topics, e.key.topic)
	}
}

// oldest is the entry that expires first, nil when none does.
func (x *index) oldest() *entry {
	first := x.ages.Front()
	if first == nil {
		return nil
	}
	return first.Value.(*entry)
}

// before gives the entries of a feature as of commits before this one.
func (x *index) before(of topic, seq int64) (out []*entry) {
	for m, byTerms := range x.topics[of] {
		if m.seq >= seq {
			continue
		}
		for _, same := range byTerms {
			for at := same.Front(); at != nil; at = at.Next() {
				out = append(out, at.Value.(*entry))
			}
		}
	}
	return out
}

// candidates are the entries that were made by some of q's terms, those by all
// of them first.
func (x *index) candidates(q *question) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		byTerms := x.topics[q.topic][q.moment]
		if len(byTerms) == 0 {
			return
		}
		for terms := range subsets(q.texts) {
			same := byTerms[termsKey(terms)]
			if same == nil {
				continue
			}
			at := same.Front()
			for looks := 0; at != nil && looks < mostAnswers; looks++ {
				if !yield(at.Value.(*entry)) {
					return
				}
				at = at.Next()
			}
		}
	}
}

// subsets yields the subsets of the terms, all of them first and none last. Of
// more than mostTerms it yields but all, each one and none.
func subsets(texts []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		if len(texts) > mostTerms {
			if !yield(texts) {
				return
			}
			for i := range texts {
				if !yield(texts[i : i+1]) {
					return
				}
			}
			yield(nil)
			return
		}
		some := make([]string, 0, mostTerms)
		for mask := 1<<len(texts) - 1; mask >= 0; mask-- {
			some = some[:0]
			for i, text := range texts {
				if mask>>i&1 == 1 {
					some = append(some, text)
				}
			}
			if !yield(some) {
				return
			}
		}
	}
}
