//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// formatVersion is raised when older programs could not work with the tables any more.
const formatVersion = 1

// formatTables are the tables beside those of the features. Nothing in them is of a type that DuckDB updates by deleting and inserting
// (lists), since that trips over primary keys.
const formatTables = `
CREATE SCHEMA metaxy;
CREATE SCHEMA features;
CREATE TABLE metaxy.format (program VARCHAR NOT NULL, version INTEGER NOT NULL);
CREATE TABLE metaxy.features (
	key VARCHAR PRIMARY KEY,
	arrow_schema BLOB NOT NULL,       -- Arrow IPC: id and user columns and data_version, types as written
	columns VARCHAR NOT NULL,         -- JSON: their names in the feature's table
	id VARCHAR NOT NULL,              -- JSON: id columns
	schema_version INTEGER NOT NULL,
	feature_version VARCHAR NOT NULL,
	generation BIGINT NOT NULL,       -- last commit, 0 before the first
	live BIGINT NOT NULL,             -- samples that a read returns
	total BIGINT NOT NULL,            -- rows in the table
	tombstones BIGINT NOT NULL,       -- of them
	superseded BIGINT NOT NULL,       -- of them
	bytes BIGINT NOT NULL,
	escapes BOOLEAN NOT NULL,         -- some data version holds "|" or "\"
	zeros BOOLEAN NOT NULL,           -- some row has a negative zero
	created TIMESTAMP,
	modified TIMESTAMP,
	claims BIGINT NOT NULL            -- counted up by every writer before it does anything, so that two of them conflict
);
CREATE TABLE metaxy.commits (
	key VARCHAR NOT NULL,
	seq BIGINT NOT NULL,
	id VARCHAR NOT NULL,
	fingerprint VARCHAR NOT NULL,
	rows BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	time TIMESTAMP NOT NULL,
	feature_version VARCHAR NOT NULL,
	tombstones BOOLEAN NOT NULL,
	basis VARCHAR,                    -- JSON: upstream feature to commit
	PRIMARY KEY (key, seq)
);
` + markerTable

// recognise finds out whose database this is, and makes a new one ours.
func (s *store) recognise(ctx context.Context) error {
	return s.with(ctx, func(c *conn) error {
		rows, err := c.rows(ctx, "SELECT program, version FROM metaxy.format")
		switch {
		case err == nil && len(rows) == 1:
			return knownFormat(rows[0][0], rows[0][1])
		case err == nil:
			return fmt.Errorf("%w: the database does not say which format it has", core.ErrIntegrity)
		case !isMissing(err):
			return err
		}
		if rows, err = c.rows(ctx, "SELECT count(*) FROM duckdb_tables() WHERE NOT internal AND NOT temporary"); err != nil {
			return err
		}
		if n, _ := rows[0][0].(int64); n > 0 {
			return fmt.Errorf("%w: this database belongs to another program: it has %d tables and none of metaxy's", core.ErrInvalid, n)
		}
		if s.readOnly {
			s.blank = true
			return nil
		}
		return s.found(ctx, c)
	})
}

// found makes the tables, unless another store of this process is faster.
func (s *store) found(ctx context.Context, c *conn) error {
	if err := c.begin(ctx); err != nil {
		return err
	}
	sql := formatTables + fmt.Sprintf("INSERT INTO metaxy.format VALUES ('metaxy-go', %d)", formatVersion)
	_, err := c.exec(ctx, sql)
	if err == nil {
		err = c.commit(ctx)
	}
	if err == nil {
		return nil
	}
	if undone := c.rollback(); undone != nil {
		return undone
	}
	if rows, again := c.rows(ctx, "SELECT program, version FROM metaxy.format"); again == nil && len(rows) == 1 {
		return knownFormat(rows[0][0], rows[0][1])
	}
	return err
}

func knownFormat(program, version any) error {
	p, _ := program.(string)
	v, _ := version.(int32)
	switch {
	case p != "metaxy-go":
		return fmt.Errorf("%w: this database belongs to another program, %q", core.ErrInvalid, p)
	case v > formatVersion:
		return fmt.Errorf("%w: the database has format %d and this program knows %d; use a newer version of metaxy", core.ErrUnsupported, v, formatVersion)
	case v < 1:
		return fmt.Errorf("%w: the database has format %d, which there never was", core.ErrIntegrity, v)
	}
	return nil
}
