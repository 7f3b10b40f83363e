package catalog

import (
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// counting watches the rows of a write on their way down.
type counting struct {
	tally *tally
	rows  int64
	whole bool // the last range came to its end

	mu    sync.Mutex
	ended bool // one of the ranges did
	over  bool // the write has returned
}

// errOver ends a range over rows of a write that has returned.
var errOver = fmt.Errorf("%w: the write of these rows is over", core.ErrClosed)

// stop says whether a store may hold the rows: one that did not see the last of
// them, and from now on cannot, made no commit.
func (c *counting) stop() (perhaps bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.ended
}

// finish says whether a range may come to its end.
func (c *counting) finish() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = c.ended || !c.over
	return !c.over
}

func (c *counting) isOver() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over
}

// watch gives the rows with each batch counted before it goes on.
func (c *counting) watch(rows core.Rows) core.Rows {
	if rows.Schema == nil || rows.Batches == nil {
		return rows
	}
	source := rows.Batches
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		if c.isOver() {
			yield(nil, errOver)
			return
		}
		c.restart()
		for b, err := range source {
			if c.isOver() {
				yield(nil, errOver)
				return
			}
			if err == nil && b != nil {
				c.rows += b.NumRows()
				_ = c.tally.batch(b, nil) // told by versions: a write does not fail for want of a temporary file
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
		if !c.finish() {
			yield(nil, errOver)
			return
		}
		c.whole = true
	}
	return rows
}

// restart forgets what an earlier range over the same rows counted.
func (c *counting) restart() {
	if c.rows > 0 {
		budget, dir := c.tally.budget, c.tally.dir
		c.tally.close()
		*c.tally = *newTally(budget, dir)
	}
	c.rows, c.whole = 0, false
}

// batch counts the data versions of a batch, by commit when there is a column
// of commits. Rows without a version are left out.
func (t *tally) batch(b arrow.RecordBatch, commits *array.Int64) error {
	at := b.Schema().FieldIndices(core.ColDataVersion)
	if len(at) == 0 {
		return nil
	}
	versions, ok := b.Column(at[0]).(*array.Struct)
	if !ok {
		return nil // the store below refuses it
	}
	for i, f := range versions.DataType().(*arrow.StructType).Fields() {
		text, ok := textOf(versions.Field(i))
		if !ok {
			return nil
		}
		g := group{container: f.Name}
		var into *bucket
		for row := range versions.Len() {
			if versions.IsNull(row) || versions.Field(i).IsNull(row) {
				continue
			}
			if commits != nil && commits.Value(row) != g.seq {
				g.seq, into = commits.Value(row), nil
			}
			if into == nil {
				into = t.bucket(g)
			}
			t.add(into, text(row))
		}
	}
	if t.err != nil {
		return fmt.Errorf("%w: spill versions: %w", core.ErrUnavailable, t.err)
	}
	return nil
}

// textOf reads a column of any type of text.
func textOf(a arrow.Array) (func(row int) string, bool) {
	switch a := a.(type) {
	case *array.String:
		return a.Value, true
	case *array.LargeString:
		return a.Value, true
	case *array.StringView:
		return a.Value, true
	case *array.Dictionary:
		value, ok := textOf(a.Dictionary())
		return func(row int) string { return value(a.GetValueIndex(row)) }, ok
	}
	return nil, false
}
