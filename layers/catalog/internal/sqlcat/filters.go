package sqlcat

import (
	"container/list"
	"context"
	"sync"

	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

// filters are those in memory, the least recently used go first. A run never
// changes and its number is never used again, so none is ever old.
type filters struct {
	limit int64

	mu    sync.Mutex
	by    map[filterKey]*list.Element
	order list.List // the most recently used in front
	bytes int64
}

type filterKey struct{ run, part int64 }

type filterItem struct {
	key filterKey
	f   *runs.Filter
}

func (f *filters) get(run, part int64) *runs.Filter {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.by[filterKey{run, part}]
	if e == nil {
		return nil
	}
	f.order.MoveToFront(e)
	return e.Value.(filterItem).f
}

func (f *filters) put(run, part int64, filter *runs.Filter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := filterKey{run, part}
	if f.by == nil {
		f.by = map[filterKey]*list.Element{}
	}
	if f.by[key] != nil {
		return
	}
	f.by[key] = f.order.PushFront(filterItem{key, filter})
	for f.bytes += filter.Bytes(); f.bytes > f.limit && f.order.Len() > 1; {
		old := f.order.Remove(f.order.Back()).(filterItem)
		delete(f.by, old.key)
		f.bytes -= old.f.Bytes()
	}
}

// filter gives a part's filter, from the database if it must.
func (c *Catalog) filter(ctx context.Context, tx Tx, r run, p part) (*runs.Filter, error) {
	if f := c.filters.get(r.id, p.no); f != nil {
		return f, nil
	}
	var b []byte
	found, err := one(ctx, tx, `SELECT filter FROM part WHERE run = $1 AND no = $2`, with(r.id, p.no), &b)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errGone
	}
	f, err := runs.OpenFilter(b)
	if err != nil {
		return nil, err
	}
	c.filters.put(r.id, p.no, f)
	return f, nil
}
