package resolve

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/version"
)

// engine is one join: its sides, what is computed of a sample, and where the
// answer goes.
//
// Candidates come from the sides in cands, the first of which is streamed
// where it can be. Each candidate is looked up in every other side; a later
// candidate side then adds the rows that were not met yet. At the end the held
// rows that were not met are orphans.
type engine struct {
	opts  options
	key   core.FeatureKey
	specs []*spec
	cands []int
	held  int // -1: the answer is every candidate, as new
	// copies: the versions are those of specs[cands[0]], as they are.
	copies     bool
	containers []container
	filter     *expr.Bound // of the first candidate side's rows
	unique     bool        // a repeated key in the first candidate side is an error

	ids   []arrow.Field // resolve-key columns of the answer
	carry []carried
	part  []string // columns that all sides (but the shared) have: partitions agree on them

	schemas [outputs]*arrow.Schema
	sinks   [outputs]*sink
	spill   *spill

	stats core.Stats
	by    []int64 // stale by container
}

// The outputs of an engine.
const (
	outNew = iota
	outStale
	outOrphaned
	outMissing
	outputs
)

// container is what is computed for each sample.
type container struct {
	name   string
	spec   version.Container
	inputs []input
}

// input is a container of a side.
type input struct{ side, version int }

// carried is a column of the answer that comes from a side.
type carried struct {
	side  int
	name  string
	field arrow.Field
}

// setSchemas fixes the answer's columns once ids, carry and containers are known.
func (e *engine) setSchemas() {
	fields := slices.Clone(e.ids)
	for _, c := range e.carry {
		fields = append(fields, c.field)
	}
	names := make([]string, len(e.containers))
	for i, c := range e.containers {
		names[i] = c.name
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(names)})
	e.schemas[outNew] = arrow.NewSchema(fields, nil)
	stale := append(slices.Clone(fields), arrow.Field{Name: core.ColStale, Type: arrow.ListOf(arrow.BinaryTypes.String)})
	e.schemas[outStale] = arrow.NewSchema(stale, nil)
	e.schemas[outMissing] = arrow.NewSchema(e.ids, nil)
	e.schemas[outOrphaned] = e.schemas[outMissing]
	e.by = make([]int64, len(e.containers))
}

// increment is the answer after run.
func (e *engine) increment() (core.Increment, error) {
	var inc core.Increment
	for i, to := range []*core.Rows{&inc.New, &inc.Stale, &inc.Orphaned, &inc.Missing} {
		rows, err := e.sinks[i].finish()
		if err != nil {
			return core.Increment{}, err
		}
		*to = rows
	}
	inc.Stats = e.stats
	inc.Stats.StaleBy = make(map[string]int64)
	for i, n := range e.by {
		if n > 0 {
			inc.Stats.StaleBy[e.containers[i].name] = n
		}
	}
	return inc, nil
}

// count adds what one job found.
func (e *engine) count(r *result) {
	e.stats.New += r.counts.New
	e.stats.Stale += r.counts.Stale
	e.stats.Orphaned += r.counts.Orphaned
	e.stats.Unchanged += r.counts.Unchanged
	e.stats.Missing += r.counts.Missing
	for i, n := range r.by {
		e.by[i] += n
	}
}
