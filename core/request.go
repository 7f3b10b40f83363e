package core

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/expr"
)

// WriteRequest is one commit.
type WriteRequest struct {
	// Plan says which feature is written and with what id columns and
	// containers. Graph.Plan makes it.
	Plan *Plan

	// ID makes the write idempotent; empty means every call is a new commit.
	// The same ID with other rows is ErrConflict.
	ID string

	// Rows to append: the id columns, "data_version" (a struct with one string
	// field a container) and any user columns, in any order. A tombstone write
	// holds the id columns alone. Ranged at most once unless Replayable.
	Rows Rows

	// Tombstones retires the samples whose ids Rows lists. Ids that the
	// feature does not hold are recorded and change nothing.
	Tombstones bool

	// Basis is the upstream that the rows were computed from: Increment.Basis.
	Basis Basis
}

// Key is the feature that the request names, "" without a plan.
func (r WriteRequest) Key() FeatureKey { return r.Plan.key() }

// ReadRequest selects rows of one feature.
type ReadRequest struct {
	Key FeatureKey

	// Columns to return, in this order; nil means Info.Schema's. The system
	// columns are returned when named. An unknown or repeated name is ErrInvalid.
	Columns []string

	// Filter applies to the latest row of each sample, with SQL's NULL logic;
	// nil keeps every row. Columns that are not returned may be used.
	Filter expr.Expr

	// AsOf reads the past; the zero value reads the present.
	AsOf AsOf

	// History gives every row ever written, tombstones included (their other
	// columns are null), instead of the latest live row of each sample.
	History bool

	// Local leaves fallbacks out.
	Local bool
}

// AsOf is a moment in a feature's past: a commit sequence or a time. The zero
// value is the present.
type AsOf struct {
	Seq  int64     // state right after this commit; beyond the last is ErrInvalid
	Time time.Time // state at this time, by commit times
}

// AtCommit is the state right after the commit with this sequence number.
func AtCommit(seq int64) AsOf { return AsOf{Seq: seq} }

// AtTime is the state that was visible at t.
func AtTime(t time.Time) AsOf { return AsOf{Time: t} }

// IsZero reports whether a means the present.
func (a AsOf) IsZero() bool { return a.Seq == 0 && a.Time.IsZero() }

// ResolveRequest asks which samples of a feature must be computed.
type ResolveRequest struct {
	Plan *Plan

	// Samples is what a root feature should hold: its id columns and
	// "data_version" (other columns may be there). A root feature needs it,
	// any other feature refuses it.
	Samples Rows

	// Columns of the upstream (after renaming) or of Samples that New and
	// Stale carry beside the id columns and "data_version"; nil means none.
	Columns []string

	// Filter restricts the answer, orphans included, to the samples whose
	// resolve-key columns (Plan.ResolveKey) match; nil means all.
	Filter expr.Expr

	// Local leaves fallbacks out.
	Local bool
}

// Key is the feature that the request names, "" without a plan.
func (r ResolveRequest) Key() FeatureKey { return r.Plan.key() }

// ListRequest selects features.
type ListRequest struct {
	Prefix string // a prefix of the key's text, such as "video/"; "" means all
	Local  bool   // leave fallbacks out
}

// StatRequest selects what Stat tells.
type StatRequest struct {
	Key     FeatureKey
	Commits int  // how many of the last commits Info.Log holds, oldest first; -1 means all
	Local   bool // leave fallbacks out
}

// EvolveRequest changes the schema of one feature. Either every change is made
// or none is.
type EvolveRequest struct {
	Key     FeatureKey
	Base    int // Info.SchemaVersion that the caller saw
	Changes []SchemaChange
}

// SchemaChange is one step of a migration. The id columns, "data_version" and
// the system columns cannot change.
type SchemaChange struct {
	Kind   ChangeKind
	Column string         // the column to change; for AddColumn the new one
	To     string         // RenameColumn: the new name
	Type   arrow.DataType // AddColumn, WidenColumn
}

// ChangeKind is a kind of schema change, and a bit in Capabilities.Evolve.
type ChangeKind uint8

// The schema changes. Narrowing and dropping are not among them: nothing that
// was written is lost.
const (
	AddColumn    ChangeKind = 1 << iota // a nullable column; old rows read as null
	WidenColumn                         // a type that holds every old value: int32 to int64, float32 to float64, …
	RenameColumn                        // values and history stay
)

// String gives the name that command lines and messages use.
func (k ChangeKind) String() string {
	switch k {
	case AddColumn:
		return "add"
	case WidenColumn:
		return "widen"
	case RenameColumn:
		return "rename"
	}
	return "unknown"
}
