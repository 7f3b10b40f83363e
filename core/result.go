package core

import (
	"maps"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// Commit is one accepted Write.
type Commit struct {
	Seq            int64 // 1 for the first commit of a feature, then without gaps
	ID             string
	Rows           int64
	Bytes          int64 // Arrow bytes of the rows as they came
	Time           time.Time
	FeatureVersion string
	Tombstones     bool
	Basis          Basis // what the rows were computed from, nil when the writer did not say
}

// Basis maps an upstream feature to the last commit that was seen of it.
type Basis map[FeatureKey]int64

// Clone copies b; nil stays nil.
func (b Basis) Clone() Basis { return maps.Clone(b) }

// Info describes a feature without its rows.
type Info struct {
	Key            FeatureKey
	Schema         *arrow.Schema // id columns, user columns and "data_version", as first written; no system columns
	SchemaVersion  int           // 1 after the first write, one more for each Evolve and each container that a write adds
	ID             []string      // id columns
	Containers     []string      // fields of "data_version", in their order
	FeatureVersion string        // of the last write
	Generation     int64         // sequence of the last commit
	Rows           int64         // live samples, -1 when unknown
	Bytes          int64         // Arrow bytes written over all commits
	Created        time.Time
	Modified       time.Time
	Origin         string   // the fallback leg that answered, "" when it was this store
	Log            []Commit // the last commits when asked for, oldest first
}

// Increment is the answer to Resolve.
//
// Its Rows are replayable and hold only garbage-collected memory and, past a
// memory budget, already unlinked temporary files. New and Stale carry the resolve-key columns
// (all id columns, unless every dependency expands), the columns asked for and
// a freshly computed "data_version"; Stale has one more, "metaxy_stale", a list
// of the containers that differ. Orphaned carries the id columns of samples
// held without upstream, Missing the resolve-key columns of upstream samples
// that lack a required counterpart.
type Increment struct {
	New, Stale, Orphaned, Missing Rows

	Stats Stats
	Basis Basis // the upstream commits that this answer was computed from
}

// Stats counts what Resolve found, in samples.
type Stats struct {
	New       int64
	Stale     int64
	Orphaned  int64
	Unchanged int64
	Missing   int64            // upstream samples without a required counterpart
	StaleBy   map[string]int64 // stale samples by container; a sample counts for each that differs
}

// Clean reports whether nothing is to be computed or retired.
func (s Stats) Clean() bool { return s.New == 0 && s.Stale == 0 && s.Orphaned == 0 }

// Capabilities says what a store does natively. Every field's zero value means
// "no", so a layer that builds its answer up from zero denies what it has not
// heard of.
type Capabilities struct {
	NativeResolve bool      // Resolve runs inside the storage engine
	PushFilters   expr.Kind // filter nodes that storage evaluates
	PushColumns   bool      // unread columns cost nothing
	TimeTravel    bool      // AsOf and History
	Durable       bool      // commits survive the process
	Evolve        ChangeKind
}
