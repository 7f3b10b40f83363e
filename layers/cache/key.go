package cache

import (
	"slices"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// topic is a feature of one of the wrapped stores.
type topic struct {
	store   uint64
	feature core.FeatureKey
}

// moment is a state of a feature that never changes again. Answers about the
// same moment can be derived from one another.
type moment struct {
	topic
	seq     int64 // the commit that the answer is as of
	at      int64 // unix nanoseconds of an AsOf time, which seq does not name
	schema  int
	history bool
	local   bool
}

// key names one answer.
type key struct {
	moment
	columns string // sorted
	filter  string // canonical
}

// question is a bound request: a key with what is needed to answer it.
type question struct {
	key
	id      uint64 // of the key, on the shelf
	plan    core.ReadPlan
	request core.ReadRequest // pinned to the moment where the store can
	columns []string         // in the order asked for
	terms   []expr.Expr      // canonical conjuncts of the filter
	texts   []string         // their texts
}

// ask binds a request to what Stat said of the feature.
func (s *store) ask(req core.ReadRequest, info core.Info) (question, error) {
	plan, err := req.Bind(info)
	if err != nil {
		return question{}, err
	}
	q := question{plan: plan, request: req}
	for _, f := range plan.Schema.Fields() {
		q.columns = append(q.columns, f.Name)
	}
	sorted := slices.Sorted(slices.Values(q.columns))
	q.key = key{moment: s.momentOf(req, info), columns: strings.Join(sorted, "\x00")}
	if canonical := expr.Canonical(req.Filter); canonical != nil { // a filter that is always true has none
		q.filter = canonical.String()
		for _, term := range expr.Conjuncts(canonical) {
			q.terms = append(q.terms, term)
			q.texts = append(q.texts, term.String())
		}
	}
	q.id = s.cache.shelf.id(q.key)
	if req.AsOf.IsZero() && s.caps.TimeTravel && info.Generation > 0 {
		q.request.AsOf = core.AtCommit(info.Generation)
	}
	return q, nil
}

func (s *store) momentOf(req core.ReadRequest, info core.Info) moment {
	m := moment{
		topic: topic{s.id, req.Key}, seq: info.Generation, schema: info.SchemaVersion,
		history: req.History, local: req.Local,
	}
	if req.AsOf.Seq > 0 {
		m.seq = req.AsOf.Seq
	}
	if !req.AsOf.Time.IsZero() {
		m.at = req.AsOf.Time.UnixNano()
	}
	return m
}

// deadline is when something that lives for ttl ends; the zero time is never.
func deadline(now time.Time, ttl time.Duration) time.Time {
	if ttl <= 0 {
		return time.Time{}
	}
	return now.Add(ttl)
}
