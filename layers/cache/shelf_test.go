package cache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// asked is a question about these columns where these terms hold.
func asked(s *shelf, of topic, seq int64, columns []string, terms ...expr.Expr) *question {
	q := &question{columns: columns}
	var fields []arrow.Field
	for _, c := range columns {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.PrimitiveTypes.Int64})
	}
	q.plan = core.ReadPlan{Schema: arrow.NewSchema(fields, nil)}
	q.key = key{moment: moment{topic: of, seq: seq}, columns: strings.Join(columns, "\x00")}
	if canonical := expr.Canonical(expr.And(terms...)); canonical != nil {
		q.filter = canonical.String()
		q.terms = expr.Conjuncts(canonical)
		for _, term := range q.terms {
			q.texts = append(q.texts, term.String())
		}
	}
	q.id = s.id(q.key)
	return q
}

func newTestShelf(opts ...Option) *shelf {
	o := defaults()
	for _, opt := range opts {
		opt(&o)
	}
	return newShelf(o, new(counters))
}

func (s *shelf) keepTest(q *question) {
	s.put(newEntry(*q, nil, deadline(s.options.now(), s.options.ttl)), 1)
}

var video = topic{1, "video/raw"}

// A miss looks at few entries, however many are kept of the same moment.
func TestMissLooksAtFew(t *testing.T) {
	s := newTestShelf()
	for i := range 18_000 {
		s.keepTest(asked(s, video, 1, []string{"a"}, expr.Col("a").Eq(i)))
	}
	for i := range 1000 {
		s.keepTest(asked(s, video, 1, []string{fmt.Sprint("c", i)}, expr.Col("b").Lt(5)))
	}
	for name, q := range map[string]*question{
		"no filter": asked(s, video, 1, []string{"a"}),
		"two terms": asked(s, video, 1, []string{"z"}, expr.Col("a").Eq(17), expr.Col("b").Lt(5)),
		"many terms": asked(s, video, 1, []string{"z"}, expr.Col("a").Eq(17), expr.Col("b").Lt(5), expr.Col("c").Lt(1),
			expr.Col("d").Lt(1), expr.Col("e").Lt(1), expr.Col("f").Lt(1)),
	} {
		looks := 0
		for range s.index.candidates(q) {
			looks++
		}
		if _, _, ok := s.find(q); ok {
			t.Errorf("%s: found, which shows nothing", name)
		}
		if want := mostAnswers + 1; looks > want {
			t.Errorf("%s: looked at %d entries, want at most %d", name, looks, want)
		}
	}
	s.purge(0)
}

// Looking at few entries finds an answer exactly where looking at all does, and
// the index holds nothing once the entries have left.
func TestIndexFindsWhatIsDerivable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newTestShelf(TTL(time.Hour))
		names := []string{"a", "b", "c", "d", "e"}
		draw := func() *question {
			var columns []string
			var terms []expr.Expr
			for _, name := range names {
				if rapid.IntRange(0, 3).Draw(t, "column") > 0 {
					columns = append(columns, name)
				}
				if rapid.IntRange(0, 2).Draw(t, "term") == 0 {
					terms = append(terms, expr.Col(name).Lt(1))
				}
			}
			return asked(s, video, rapid.Int64Range(1, 2).Draw(t, "seq"), columns, terms...)
		}
		kept := map[key]*entry{}
		for range rapid.IntRange(0, mostAnswers).Draw(t, "entries") {
			q := draw()
			s.keepTest(q)
			kept[q.key], _ = s.kept.Peek(q.id)
		}
		for range 10 {
			q := draw()
			want := false
			for k, e := range kept {
				if _, ok := q.derivable(e); ok && k.moment == q.moment {
					want = true
				}
			}
			e, _, got := s.find(q)
			if got != want {
				t.Fatalf("found %v, want %v, for %q where %q", got, want, q.columns, q.texts)
			}
			if got {
				e.release()
			}
		}
		s.forget(video, 2)
		for k := range kept {
			if _, ok := s.kept.Peek(s.id(k)); ok != (k.seq == 2) {
				t.Errorf("an answer of commit %d is kept: %v, after those before 2 were forgotten", k.seq, ok)
			}
		}
		s.purge(0)
		if len(s.index.topics) != 0 || s.index.ages.Len() != 0 {
			t.Errorf("the empty shelf's index holds %d topics and %d ages", len(s.index.topics), s.index.ages.Len())
		}
	})
}

// What is over leaves when others come, a bounded number at a time.
func TestOverLeaves(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newTestShelf(TTL(time.Second), MissingTTL(time.Second), Clock(func() time.Time { return now }))
	still := func() bool { return true }
	for i := range int64(mostSwept + 2) {
		s.keepTest(asked(s, video, i, []string{"a"}))
		s.putMissing(topic{1, core.FeatureKey(fmt.Sprint("f", i))}, false, still)
	}
	now = now.Add(time.Second)
	for i, want := range []int{3, 2, 3} {
		s.keepTest(asked(s, video, 100+int64(i), []string{"a"}))
		s.putMissing(topic{2, core.FeatureKey(fmt.Sprint("f", i))}, false, still)
		if kept, absent := s.kept.Len(), s.absent.kept.Len(); kept != want || absent != want {
			t.Errorf("after %d came: %d answers and %d absences, want %d", i+1, kept, absent, want)
		}
	}
	s.purge(2)
	if kept, absent := s.kept.Len(), s.absent.kept.Len(); kept != 3 || absent != 0 {
		t.Errorf("after a purge of another store: %d answers and %d absences", kept, absent)
	}
}

// Whether something may be kept is asked under the lock: a write or a close
// comes before that, and is seen, or after, and drops it.
func TestKeepingIsDecidedUnderTheLock(t *testing.T) {
	s := newTestShelf()
	locked := func() bool {
		if s.mu.TryLock() {
			s.mu.Unlock()
			t.Error("asked without the lock")
		}
		return false
	}
	s.putMissing(video, false, locked)
	q := asked(s, video, 1, []string{"a"})
	_, _, f, _ := s.board(q)
	e := newEntry(*q, nil, time.Time{})
	s.land(q.key, f, landing{entry: e}, 1, locked)
	if entries, bytes := s.size(); entries != 0 || bytes != 0 || e.refs.Load() != 1 {
		t.Errorf("kept %d answers of %d bytes; %d hold the entry", entries, bytes, e.refs.Load())
	}
}

// Two keys of one id are told apart: each is a miss for the other.
func TestKeysThatShareAnID(t *testing.T) {
	s := newTestShelf()
	one, other := asked(s, video, 1, []string{"a"}), asked(s, video, 2, []string{"a"})
	other.id = one.id
	s.keepTest(one)
	if e, _, ok := s.find(other); ok {
		t.Errorf("found an answer of commit %d, want none", e.key.seq)
	}
	s.keepTest(other)
	e, _, ok := s.find(other)
	if !ok || e.key.seq != 2 || s.kept.Len() != 1 {
		t.Fatalf("found %v of %d", ok, s.kept.Len())
	}
	e.release()
	if _, _, ok := s.find(one); ok {
		t.Error("the replaced answer was found")
	}
}
