package catalog

import (
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// This file is for those who write a catalog.

// Check reports what is wrong with an intent; the error matches ErrInvalid.
func (i Intent) Check() error {
	if err := i.Key.Validate(); err != nil {
		return err
	}
	if i.ID == "" {
		return fmt.Errorf("%w: an intent without an id", core.ErrInvalid)
	}
	return nil
}

// Check reports what is wrong with a registration; the error matches ErrInvalid.
func (m Materialization) Check() error {
	if err := m.Key.Validate(); err != nil {
		return err
	}
	if m.Commit.Seq < 1 {
		return fmt.Errorf("%w: commit %d: commits are numbered from 1", core.ErrInvalid, m.Commit.Seq)
	}
	if m.Info.Generation != 0 && m.Info.Key != m.Key {
		return fmt.Errorf("%w: the description of another feature", core.ErrInvalid)
	}
	return nil
}

// Same reports whether two commits of one feature and number are the same one.
// Catalogs keep microseconds.
func Same(a, b core.Commit) bool {
	return a.Seq == b.Seq && a.ID == b.ID && a.Rows == b.Rows && a.Tombstones == b.Tombstones && sameTime(a.Time, b.Time)
}

// Newer reports whether a description replaces the one that is there.
func Newer(there, info core.Info) bool {
	if info.Generation != there.Generation {
		return info.Generation > there.Generation
	}
	return info.Generation > 0 && info.SchemaVersion >= there.SchemaVersion
}

// Matches reports whether Features yields the entry, Limit left out.
func (q Query) Matches(e Entry) bool {
	switch {
	case len(e.Key) < len(q.Prefix) || string(e.Key[:len(q.Prefix)]) != q.Prefix, q.After != "" && e.Key <= q.After:
		return false
	case !e.Known():
		return len(e.Pending) > 0 && q.Since.IsZero() && q.Until.IsZero() && q.Container == "" && q.MinRows <= 0
	case !q.Since.IsZero() && e.Last.Before(q.Since), !q.Until.IsZero() && !e.Last.Before(q.Until), e.Rows < q.MinRows:
		return false
	case q.Container != "":
		return slices.ContainsFunc(e.Containers, func(c ContainerCount) bool { return c.Container == q.Container && c.Rows > 0 })
	}
	return true
}

// VersionRow is a row of MaterializationInfo.
type VersionRow struct {
	Container string
	Version   string // "" with Unknown
	Unknown   bool   // the catalog keeps no exact versions: data_version is null
	Rows      int64
	Last      Time
}

// infoSchema is the schema of MaterializationInfo.
func infoSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "container_key", Type: arrow.BinaryTypes.String},
		{Name: "data_version", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "sample_count", Type: arrow.PrimitiveTypes.Int64},
		{Name: "materialized_at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
	}, nil)
}

const batchRows = 64 << 10

// InfoRows makes the rows of MaterializationInfo from a sequence that is ranged
// over each time the rows are.
func InfoRows(rows iter.Seq2[VersionRow, error]) core.Rows {
	schema := infoSchema()
	return core.Rows{Schema: schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		flush := func() bool {
			batch := b.NewRecordBatch()
			defer batch.Release()
			return yield(batch, nil)
		}
		n := 0
		for r, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			b.Field(0).(*array.StringBuilder).Append(r.Container)
			if r.Unknown {
				b.Field(1).AppendNull()
			} else {
				b.Field(1).(*array.StringBuilder).Append(r.Version)
			}
			b.Field(2).(*array.Int64Builder).Append(r.Rows)
			b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(r.Last.UnixMicro()))
			if n++; n == batchRows {
				if n = 0; !flush() {
					return
				}
			}
		}
		if n > 0 {
			flush()
		}
	}}
}
