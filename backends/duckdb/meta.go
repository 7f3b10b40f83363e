//go:build cgo && duckdb_arrow

package duckdb

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/metaxy-go/metaxy/core"
)

// meta is a row of metaxy.features.
type meta struct {
	key            core.FeatureKey
	schema         *arrow.Schema
	encoded        []byte   // the schema as it was loaded
	columns        []string // names in the table, by field of the schema
	id             []string
	schemaVersion  int
	featureVersion string
	generation     int64
	live           int64
	total          int64
	tombstones     int64
	superseded     int64
	bytes          int64
	escapes        bool
	zeros          bool
	created        time.Time
	modified       time.Time
}

const metaColumns = "key, arrow_schema, columns, id, schema_version, feature_version, generation, live, total, tombstones, superseded, bytes, escapes, zeros, created, modified"

// load gives what is known of a feature that holds a commit.
func (s *store) load(ctx context.Context, c *conn, key core.FeatureKey) (*meta, error) {
	m, err := s.loadAny(ctx, c, key)
	if err == nil && (m == nil || m.generation == 0) {
		return nil, core.ErrFeatureNotFound
	}
	return m, err
}

// loadAny is load for features that may not hold a commit; nil when there is no trace of it.
func (s *store) loadAny(ctx context.Context, c *conn, key core.FeatureKey) (*meta, error) {
	if s.blank {
		return nil, nil
	}
	rows, err := c.rows(ctx, "SELECT "+metaColumns+" FROM metaxy.features WHERE key = ?", string(key))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return scanMeta(rows[0])
}

// loadAll gives the features that hold a commit, in key order.
func (s *store) loadAll(ctx context.Context, c *conn, prefix string) ([]*meta, error) {
	if s.blank {
		return nil, nil
	}
	rows, err := c.rows(ctx, "SELECT "+metaColumns+" FROM metaxy.features WHERE generation > 0 AND starts_with(key, ?)", prefix)
	if err != nil {
		return nil, err
	}
	all := make([]*meta, len(rows))
	for i, row := range rows {
		if all[i], err = scanMeta(row); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b *meta) int { return strings.Compare(string(a.key), string(b.key)) })
	return all, nil
}

func scanMeta(row []driver.Value) (*meta, error) {
	m := &meta{}
	var key, columns, id string
	var version int32
	err := scan(row, &key, &m.encoded, &columns, &id, &version, &m.featureVersion, &m.generation, &m.live, &m.total, &m.tombstones, &m.superseded,
		&m.bytes, &m.escapes, &m.zeros, &m.created, &m.modified)
	if err != nil {
		return nil, err
	}
	m.key, m.schemaVersion = core.FeatureKey(key), int(version)
	if m.schema, err = decodeSchema(m.encoded); err == nil {
		err = json.Unmarshal([]byte(columns), &m.columns)
	}
	if err == nil {
		err = json.Unmarshal([]byte(id), &m.id)
	}
	if err == nil && len(m.columns) != m.schema.NumFields() {
		err = fmt.Errorf("%d columns for %d fields", len(m.columns), m.schema.NumFields())
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the entry of feature %s: %w", core.ErrIntegrity, key, err)
	}
	return m, nil
}

// scan copies the values of a row; NULL leaves what it would have set.
func scan(row []driver.Value, into ...any) error {
	for i, dst := range into {
		ok := row[i] == nil
		switch d := dst.(type) {
		case *string:
			if v, is := row[i].(string); is {
				*d, ok = v, true
			}
		case *[]byte:
			if v, is := row[i].([]byte); is {
				*d, ok = v, true
			}
		case *int32:
			if v, is := row[i].(int32); is {
				*d, ok = v, true
			}
		case *int64:
			if v, is := row[i].(int64); is {
				*d, ok = v, true
			}
		case *bool:
			if v, is := row[i].(bool); is {
				*d, ok = v, true
			}
		case *time.Time:
			if v, is := row[i].(time.Time); is {
				*d, ok = v.UTC(), true
			}
		}
		if !ok {
			return fmt.Errorf("%w: column %d of a table of schema metaxy has type %T", core.ErrIntegrity, i+1, row[i])
		}
	}
	return nil
}

// info describes the feature without its log.
func (m *meta) info() core.Info {
	return core.Info{
		Key: m.key, Schema: m.schema, SchemaVersion: m.schemaVersion, ID: slices.Clone(m.id), Containers: m.containers(),
		FeatureVersion: m.featureVersion, Generation: m.generation, Rows: m.live, Bytes: m.bytes, Created: m.created, Modified: m.modified,
	}
}

// field is the place of a column in the schema, -1 when there is none.
func (m *meta) field(name string) int {
	if at := m.schema.FieldIndices(name); len(at) > 0 {
		return at[0]
	}
	return -1
}

// versions is the type of data_version.
func (m *meta) versions() *arrow.StructType {
	return m.schema.Field(m.field(core.ColDataVersion)).Type.(*arrow.StructType)
}

func (m *meta) containers() []string { return fieldNames(m.versions()) }

// table is the quoted name of the feature's table.
func (m *meta) table() string { return tableOf(m.key) }

func tableOf(key core.FeatureKey) string { return "features." + dialect.Ident(string(key)) }

// loadLog gives the last n commits, all for -1, oldest first.
func loadLog(ctx context.Context, c *conn, key core.FeatureKey, n int, last int64) ([]core.Commit, error) {
	after := int64(0)
	if n >= 0 {
		after = last - int64(n)
	}
	rows, err := c.rows(ctx, "SELECT "+commitColumns+" FROM metaxy.commits WHERE key = ? AND seq > ? AND seq <= ? ORDER BY seq", string(key), after, last)
	if err != nil {
		return nil, err
	}
	log := make([]core.Commit, len(rows))
	for i, row := range rows {
		if log[i], _, err = scanCommit(row); err != nil {
			return nil, err
		}
	}
	return log, nil
}

const commitColumns = "seq, id, rows, bytes, time, feature_version, tombstones, basis, fingerprint"

func scanCommit(row []driver.Value) (cm core.Commit, fingerprint string, err error) {
	var basis string
	err = scan(row, &cm.Seq, &cm.ID, &cm.Rows, &cm.Bytes, &cm.Time, &cm.FeatureVersion, &cm.Tombstones, &basis, &fingerprint)
	if err == nil && basis != "" {
		if err = json.Unmarshal([]byte(basis), &cm.Basis); err != nil {
			err = fmt.Errorf("%w: the basis of commit %d: %w", core.ErrIntegrity, cm.Seq, err)
		}
	}
	return cm, fingerprint, err
}

func encodeSchema(s *arrow.Schema) ([]byte, error) {
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(s))
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func decodeSchema(b []byte) (*arrow.Schema, error) {
	r, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	fields := r.Schema().Fields()
	for i := range fields {
		fields[i] = asConstructed(fields[i])
	}
	return arrow.NewSchema(fields, nil), nil
}

func encodeJSON[T any](v T) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null" // lists and maps of strings and numbers always marshal
	}
	return string(b)
}
