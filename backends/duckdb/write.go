//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Rows of a small write are all taken before anything is locked, since the source may be slow or read from this very store. A larger one
// holds its feature's writer lock from then on, while reads go on.
const (
	holdRows  = 1 << 18
	holdBytes = 32 << 20
)

// Write appends the rows in one transaction: insert, supersede what they replace, log.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	err := s.check(ctx, req.Check)
	if err == nil {
		err = s.writable()
	}
	var commit core.Commit
	if err == nil {
		w := &writer{s: s, ctx: ctx, req: req, intake: newIntake(req)}
		commit, err = w.run()
		w.close()
	}
	return commit, core.WrapError(core.OpWrite, req.Key(), name, err)
}

// writer is one Write on its way.
type writer struct {
	*intake
	s   *store
	ctx context.Context
	req core.WriteRequest

	held      []*piece // until the insert begins
	heldBytes int64

	unlock func()
	c      *conn
	m      *meta        // the feature as it is found
	first  *core.Commit // of an earlier write with this id
	digest string       // its fingerprint
	from   []int        // for each column of the feature its place in the rows, -1: null
	seq    int64
	insert *insert
	zeros  bool // some row has a negative zero
}

func (w *writer) run() (core.Commit, error) {
	if err := w.s.with(w.ctx, w.look); err != nil {
		return core.Commit{}, err
	}
	for batch, err := range w.req.Rows.All() {
		if err == nil {
			err = w.ctx.Err()
		}
		if err == nil {
			err = w.add(batch)
		}
		if err != nil {
			return core.Commit{}, err
		}
	}
	if err := w.ctx.Err(); err != nil {
		return core.Commit{}, err
	}
	if w.insert == nil && w.first == nil {
		if err := w.start(); err != nil {
			return core.Commit{}, err
		}
	}
	if w.first != nil {
		if w.sum() != w.digest {
			return core.Commit{}, fmt.Errorf("%w: this write id was used for other rows", core.ErrConflict)
		}
		return *w.first, nil
	}
	return w.finish()
}

// add takes one of the caller's batches.
func (w *writer) add(batch arrow.RecordBatch) error {
	p, err := w.take(batch)
	if err != nil {
		return err
	}
	if w.first != nil {
		p.release() // only its digest counts
		return nil
	}
	if w.insert != nil {
		return w.insert.add(p, w.from)
	}
	w.held = append(w.held, p)
	w.heldBytes += p.bytes
	if w.rows > holdRows || w.heldBytes > holdBytes {
		return w.start()
	}
	return nil
}

// look finds the feature, and whether the write was made before or cannot be made.
func (w *writer) look(c *conn) (err error) {
	if w.m, err = w.s.loadAny(w.ctx, c, w.req.Key()); err != nil {
		return err
	}
	if w.m != nil && w.m.generation == 0 {
		w.m = nil // prepared by a write that did not come to be
	}
	if w.m != nil && w.req.ID != "" {
		rows, err := c.rows(w.ctx, "SELECT "+commitColumns+" FROM metaxy.commits WHERE key = ? AND id = ?", string(w.req.Key()), w.req.ID)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			first, digest, err := scanCommit(rows[0])
			w.first, w.digest = &first, digest
			return err
		}
	}
	return w.accept()
}

// accept maps the columns of the rows to those of the feature, or says why they do not fit.
func (w *writer) accept() error {
	rows := w.req.Rows.Schema
	for _, f := range rows.Fields() {
		if f.Name == core.ColDataVersion {
			continue
		}
		if _, err := keep(f.Type); err != nil {
			return fmt.Errorf("column %q: %w", f.Name, err)
		}
	}
	if w.m == nil {
		if w.req.Tombstones {
			return core.ErrFeatureNotFound
		}
		w.from = make([]int, rows.NumFields())
		for i := range w.from {
			w.from[i] = i
		}
		return nil
	}
	if !slices.Equal(w.req.Plan.Feature.ID, w.m.id) {
		return invalidf("the feature identifies samples by %v, the plan by %v", w.m.id, w.req.Plan.Feature.ID)
	}
	if !w.req.Tombstones {
		var err error
		w.from, err = core.MatchSchema(w.m.schema, rows)
		return err
	}
	w.from = make([]int, w.m.schema.NumFields())
	for i, f := range w.m.schema.Fields() {
		w.from[i] = -1
		if at := rows.FieldIndices(f.Name); len(at) > 0 {
			if got := rows.Field(at[0]).Type; !arrow.TypeEqual(f.Type, got) {
				return invalidf("column %q is %s, the feature holds %s", f.Name, got, f.Type)
			}
			w.from[i] = at[0]
		}
	}
	return nil
}

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

// claim begins the transaction and makes every other writer of the feature fail or wait.
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
	n, err := w.c.exec(w.ctx, "UPDATE metaxy.features SET generation = ? WHERE key = ? AND generation = ?", w.seq, string(w.req.Key()), generation)
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
		n, err = w.c.exec(w.ctx, "UPDATE metaxy.features SET arrow_schema = ?, columns = ?, id = ? WHERE key = ? AND generation = 0", args...)
		if err == nil && n == 0 {
			_, err = w.c.exec(w.ctx, "INSERT INTO metaxy.features ("+metaColumns+") VALUES (?4, ?1, ?2, ?3, 1, '', 0, 0, 0, 0, 0, 0, false, false, NULL, NULL)", args...)
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

// raced says that an error is another writer's doing where preparing a feature meets one: two entries of one key, two tables of one name.
func raced(err error) error {
	var e *engineError
	if errors.As(err, &e) && (errors.Is(e, core.ErrInvalid) || isMissing(err)) {
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

func (w *writer) drop() {
	for _, p := range w.held {
		p.release()
	}
	w.held = nil
}

// close undoes what is not committed and gives everything back.
func (w *writer) close() {
	w.drop()
	if w.insert != nil {
		w.insert.stop()
	}
	if w.c != nil {
		w.c.release()
	}
	if w.unlock != nil {
		w.unlock()
	}
}

// views numbers the names under which DuckDB reads rows; a name may be in use by another connection.
var views atomic.Int64
