// Package catalog keeps an index of what has been materialised beside a store:
// existence, versions, counts and times without touching the stored data, and
// the history of commits. It is optional; a store works without it.
//
// The store's commit log is the truth. A catalog may lag behind it after a
// crash or an outage, and is then repaired; it never says that something is
// not there when it cannot know.
package catalog

import (
	"context"
	"iter"

	"github.com/metaxy-go/metaxy/core"
)

// Catalog is an index of materialisations. All methods are safe for concurrent
// use by goroutines and, where the catalog is durable, by processes. Errors
// match core's sentinels: a catalog that cannot be reached is
// [core.ErrUnavailable], one that is damaged [core.ErrIntegrity].
type Catalog interface {
	// Begin records that a commit of the feature is about to be made. Until
	// the intent is registered or abandoned, the feature counts as being
	// written: see [Entry.Pending]. Beginning the same intent again renews its
	// time.
	Begin(ctx context.Context, intent Intent) error

	// Abandon ends an intent whose write surely did not happen. One that is
	// not there is no error.
	Abandon(ctx context.Context, intent Intent) error

	// RegisterMaterialization records one accepted commit in one transaction
	// and ends its intent, if there was one. A commit is known by its feature
	// and sequence number: registering it again changes nothing but an Identity
	// that was not known, and another commit under the same number is
	// ErrConflict, because the catalog then belongs to another store. Commits
	// may come in any order.
	RegisterMaterialization(ctx context.Context, m Materialization, versions Versions) error

	// Describe replaces what the catalog knows of a feature beside its commits,
	// after a migration of the schema for example. An older description than
	// the one that is there (by generation, then schema version) changes
	// nothing, and neither does one of a feature without a registered commit.
	Describe(ctx context.Context, info core.Info) error

	// HasFeature says whether the feature holds a commit, and with conditions
	// whether one of its rows was written with that container and data
	// version. While the entry is not settled ([Entry.Settled]) what is not
	// found is Maybe there, not No.
	HasFeature(ctx context.Context, key core.FeatureKey, conditions ...Condition) (Presence, error)

	// MaterializedVersions yields the versions that were ever written for a
	// container, in bytewise order of their encoded form, with the number of
	// rows; an error comes last. A feature or container that is not there
	// yields nothing. A catalog that keeps no exact versions is ErrUnsupported.
	MaterializedVersions(ctx context.Context, key core.FeatureKey, container string) iter.Seq2[VersionCount, error]

	// Features yields the entries that match, in key order; an error comes
	// last. No lock is held while an entry is handed out. A feature that has
	// intents and no commit yet is among them unless the query asks for a time,
	// a container or rows.
	Features(ctx context.Context, query Query) iter.Seq2[Entry, error]

	// Entry is what the catalog knows of one feature; one that it has never
	// heard of is the zero Entry with its key.
	Entry(ctx context.Context, key core.FeatureKey) (Entry, error)

	// MaterializationInfo gives the columns container_key (string),
	// data_version (string, null in a catalog that keeps no exact versions),
	// sample_count (int64) and materialized_at (timestamp[us, UTC], of the
	// last commit that wrote the version), in order of container and version.
	// A feature that is not there is ErrFeatureNotFound.
	MaterializationInfo(ctx context.Context, key core.FeatureKey) (core.Rows, error)

	// History yields the registered commits of a feature, oldest first.
	History(ctx context.Context, key core.FeatureKey) iter.Seq2[Materialization, error]

	// Drop forgets the commits and the description of a feature, for a rebuild
	// or because the store lost it. Intents stay.
	Drop(ctx context.Context, key core.FeatureKey) error

	// Close is idempotent; every other method then reports ErrClosed.
	Close() error
}

// Intent is a write that has begun.
type Intent struct {
	Key   core.FeatureKey
	ID    string // unique: made up for each write
	Begun Time   // by the writer's clock, or when it was last renewed
}

// Materialization is one registered commit.
type Materialization struct {
	Key      core.FeatureKey
	Commit   core.Commit
	Identity string    // who wrote it, "" when unknown
	IntentID string    // ends this intent, "" without one
	Info     core.Info // the feature after the commit or later, without Log, as for Describe; zero when it could not be asked
}

// Query selects entries; the zero value selects all.
type Query struct {
	Prefix    string // of the key's text, such as "video/"
	Since     Time   // materialised at or after
	Until     Time   // materialised before
	Container string // features that have rows of this container
	MinRows   int64  // rows written, at least
	After     core.FeatureKey
	Limit     int // 0: no limit; After is the cursor of the next page
}

// Entry is a feature in a catalog.
type Entry struct {
	Key        core.FeatureKey
	Info       core.Info // as last described, without Log
	Commits    int64     // registered
	Through    int64     // every commit from the first to this one is registered
	Generation int64     // the highest registered sequence number
	Rows       int64     // written over all registered commits, tombstones left out
	Last       Time      // of the last materialisation
	Pending    []Intent  // writes that began and did not end
	Mode       Mode      // how versions are kept
	Containers []ContainerCount
}

// Known reports whether the feature holds a registered commit.
func (e Entry) Known() bool { return e.Commits > 0 }

// Settled reports whether nothing is missing as far as the catalog can tell:
// no write has begun without an end, and no commit before the last one that it
// has heard of is unknown.
func (e Entry) Settled() bool {
	return len(e.Pending) == 0 && e.Through == e.Generation && e.Info.Generation <= e.Through
}

// ContainerCount counts what was written for one container.
type ContainerCount struct {
	Container string
	Rows      int64 // rows with a version in this container
	Versions  int64 // distinct versions; -1 in a mode that cannot tell
}
