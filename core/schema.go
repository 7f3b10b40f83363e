package core

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Columns that every table holds beside the id and user columns.
const (
	ColDataVersion    = "data_version"           // struct of strings, a field a container
	ColFeatureVersion = "metaxy_feature_version" // string: Plan.Version of the writer
	ColCommit         = "metaxy_commit"          // int64: Commit.Seq
	ColWrittenAt      = "metaxy_written_at"      // timestamp[us, UTC]: Commit.Time
	ColDeleted        = "metaxy_deleted"         // bool: a tombstone
	ColStale          = "metaxy_stale"           // list of strings, in Increment.Stale only
	ColOrigin         = "metaxy_origin"          // string: which store a row came from; of an overlaying fallback only

	// ReservedPrefix begins the name of every column that stores add.
	ReservedPrefix = "metaxy_"

	// DefaultID is the id column of a feature that names none.
	DefaultID = "sample_id"
	// DefaultContainer is the container of a feature that names none.
	DefaultContainer = "default"
	// DefaultCode is the code version of a container that sets none.
	DefaultCode = "1"
)

// SystemFields are the columns that a store adds to each row it keeps.
func SystemFields() []arrow.Field {
	return []arrow.Field{
		{Name: ColFeatureVersion, Type: arrow.BinaryTypes.String},
		{Name: ColCommit, Type: arrow.PrimitiveTypes.Int64},
		{Name: ColWrittenAt, Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: ColDeleted, Type: arrow.FixedWidthTypes.Boolean},
	}
}

// IsReserved reports whether only a store may add a column of this name.
func IsReserved(column string) bool { return strings.HasPrefix(column, ReservedPrefix) }

// DataVersionType is the type of "data_version" for these containers.
func DataVersionType(containers []string) *arrow.StructType {
	fields := make([]arrow.Field, len(containers))
	for i, c := range containers {
		fields[i] = arrow.Field{Name: c, Type: arrow.BinaryTypes.String, Nullable: true}
	}
	return arrow.StructOf(fields...)
}
