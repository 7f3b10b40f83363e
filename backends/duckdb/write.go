//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"slices"

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
		defer w.close() // also when the caller's source panics
		commit, err = w.run()
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

	unlock   func()
	c        *conn
	m        *meta        // the feature as it is found
	prepared []byte       // the schema of a first write
	first    *core.Commit // of an earlier write with this id
	digest   string       // its fingerprint
	from     []int        // for each column of the feature its place in the rows, -1: null
	seq      int64
	insert   *insert
	zeros    bool // some row has a negative zero
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
