//go:build cgo && duckdb_arrow

package duckdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	duckdb "github.com/duckdb/duckdb-go/v2"

	"github.com/metaxy-go/metaxy/core"
)

// start locks the feature, begins the transaction and feeds what was held.
func (w *writer) start() (err error) {
	if w.unlock, err = w.s.lock(w.ctx, w.req.Key()); err != nil {
		return err
	}
	if w.c, err = w.s.pool.acquire(w.ctx); err != nil {
		return err
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err = w.claim()
		if w.first != nil {
			w.drop()
			return nil
		}
		if !errors.Is(err, core.ErrConflict) {
			break
		}
		// A store of this process that shares the database is writing.
		if err := w.c.rollback(); err != nil {
			return err
		}
		select {
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-time.After(wait):
		}
	}
	if err != nil {
		return err
	}
	w.insert = w.begin()
	held := w.held
	w.held = nil
	for i, p := range held {
		if err := w.insert.add(p, w.from); err != nil {
			for _, p := range held[i+1:] {
				p.release()
			}
			return err
		}
	}
	return nil
}

// claim begins the transaction and makes every other writer of the feature wait: all of them count up its claims first. (Two updates
// of one row conflict only if they change the same column, and setting a column to what it is changes nothing.)
func (w *writer) claim() error {
	if err := w.look(w.c); err != nil || w.first != nil {
		return err
	}
	if w.m == nil {
		if err := w.prepare(); err != nil {
			return err
		}
	}
	if err := w.c.begin(w.ctx); err != nil {
		return err
	}
	generation := int64(0)
	if w.m != nil {
		generation = w.m.generation
	}
	w.seq = generation + 1
	n, err := w.c.exec(w.ctx, "UPDATE metaxy.features SET claims = claims + 1, generation = ? WHERE key = ? AND generation = ?", w.seq, string(w.req.Key()), generation)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("%w: another writer was faster", core.ErrConflict)
	}
	if w.m == nil {
		w.m, err = w.s.loadAny(w.ctx, w.c, w.req.Key())
		if err == nil && w.m == nil {
			err = fmt.Errorf("%w: the entry of the feature is gone", core.ErrIntegrity)
		}
		if err == nil && !bytes.Equal(w.m.encoded, w.prepared) {
			err = fmt.Errorf("%w: another writer was faster", core.ErrConflict) // and prepared the feature for other rows
		}
		return err
	}
	return w.grow()
}

// prepare makes the table of a feature before its first commit, in a transaction of its own. Until that commit the feature does not count
// as one, and the next write may prepare it anew.
func (w *writer) prepare() error {
	fields := slices.Clone(w.req.Rows.Schema.Fields())
	for i, f := range fields {
		fields[i].Nullable = !slices.Contains(w.req.Plan.Feature.ID, f.Name) && f.Name != core.ColDataVersion
		if st, ok := f.Type.(*arrow.StructType); ok && f.Name == core.ColDataVersion {
			fields[i].Type = core.DataVersionType(fieldNames(st))
		}
	}
	schema := arrow.NewSchema(fields, nil)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	columns := tableNames(ourNames(), names)
	parts := []string{ourColumns}
	for i, f := range fields {
		k, err := keep(f.Type)
		if err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
		parts = append(parts, dialect.Ident(columns[i])+" "+k.sql)
	}
	blob, err := encodeSchema(schema)
	if err != nil {
		return fmt.Errorf("%w: the schema: %w", core.ErrUnsupported, err)
	}
	w.prepared = blob
	key := w.req.Key()
	if err := w.c.begin(w.ctx); err != nil {
		return err
	}
	_, err = w.c.exec(w.ctx, "DROP TABLE IF EXISTS "+tableOf(key))
	if err == nil {
		_, err = w.c.exec(w.ctx, "CREATE TABLE "+tableOf(key)+" ("+strings.Join(parts, ", ")+")")
	}
	if err == nil {
		var n int64
		args := []any{blob, encodeJSON(columns), encodeJSON(w.req.Plan.Feature.ID), string(key)}
		n, err = w.c.exec(w.ctx, "UPDATE metaxy.features SET claims = claims + 1, arrow_schema = ?, columns = ?, id = ? WHERE key = ? AND generation = 0", args...)
		if err == nil && n == 0 {
			_, err = w.c.exec(w.ctx, "INSERT INTO metaxy.features ("+metaColumns+", claims) VALUES (?4, ?1, ?2, ?3, 1, '', 0, 0, 0, 0, 0, 0, ?5, ?5, ?6, ?6, 0)", append(args, false, nil)...)
		}
	}
	if err == nil {
		err = w.c.commit(w.ctx)
	}
	if err != nil {
		return errors.Join(raced(err), w.c.rollback())
	}
	return nil
}

// raced says that an error is another writer's doing: two entries of one key.
func raced(err error) error {
	var e *engineError
	if errors.As(err, &e) && e.kind == duckdb.ErrorTypeConstraint {
		return fmt.Errorf("%w: another writer was faster", core.ErrConflict)
	}
	return err
}

// grow adds the containers that the rows bring for the first time.
func (w *writer) grow() error {
	at := w.req.Rows.Schema.FieldIndices(core.ColDataVersion)
	if len(at) == 0 {
		return nil
	}
	had := w.m.containers()
	names := slices.Clone(had)
	for _, c := range fieldNames(w.req.Rows.Schema.Field(at[0]).Type.(*arrow.StructType)) {
		if !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	if len(names) == len(had) {
		return nil
	}
	i := w.m.field(core.ColDataVersion)
	t := core.DataVersionType(names)
	for _, n := range structNames(t)[len(had):] {
		sql := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s.%s VARCHAR", w.m.table(), dialect.Ident(w.m.columns[i]), dialect.Ident(n))
		if _, err := w.c.exec(w.ctx, sql); err != nil {
			return err
		}
	}
	fields := slices.Clone(w.m.schema.Fields())
	fields[i].Type = t
	w.m.schema = arrow.NewSchema(fields, nil)
	w.m.schemaVersion++
	return w.m.saveSchema(w.ctx, w.c)
}

// saveSchema writes the schema and its columns.
func (m *meta) saveSchema(ctx context.Context, c *conn) error {
	blob, err := encodeSchema(m.schema)
	if err != nil {
		return fmt.Errorf("%w: the schema: %w", core.ErrUnsupported, err)
	}
	_, err = c.exec(ctx, "UPDATE metaxy.features SET arrow_schema = ?, columns = ?, schema_version = ? WHERE key = ?",
		blob, encodeJSON(m.columns), m.schemaVersion, string(m.key))
	return err
}
