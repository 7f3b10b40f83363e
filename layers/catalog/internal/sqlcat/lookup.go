package sqlcat

import (
	"bytes"
	"context"
	"errors"

	"github.com/metaxy-go/metaxy/layers/catalog/internal/runs"
)

// errGone: a run was merged away after we had learnt of it.
var errGone = errors.New("the run is gone")

// keysPerQuestion is how large a part may be for each question that will be
// asked, for its filter to be worth loading: a filter of that many keys is read
// about as fast as one page.
const keysPerQuestion = 8192

// lookup asks the runs of a container about ascending keys, inside a transaction.
type lookup struct {
	c     *Catalog
	tx    Tx
	runs  []run
	pages []*runs.Page // of each run, the last one read
	held  []heldFilter // of each run, the last one asked
	asked int64        // how many keys will come
}

type heldFilter struct {
	no int64
	f  *runs.Filter
}

func (c *Catalog) newLookup(tx Tx, of []run, keys int64) *lookup {
	return &lookup{c: c, tx: tx, runs: of, pages: make([]*runs.Page, len(of)), held: make([]heldFilter, len(of)), asked: keys}
}

// has says whether a run holds the key.
func (l *lookup) has(ctx context.Context, key []byte) (bool, error) {
	if len(l.runs) == 0 {
		return false, nil
	}
	hash := runs.Hash(key)
	for i, r := range l.runs {
		p, ok := r.part(key)
		if !ok {
			continue
		}
		f, err := l.filter(ctx, i, r, p)
		if err != nil {
			return false, err
		}
		if f != nil && !f.Contains(hash) {
			continue
		}
		if page := l.pages[i]; page == nil || !page.Covers(key) {
			var err error
			if l.pages[i], err = l.c.page(ctx, l.tx, r, key); err != nil {
				return false, err
			}
		}
		if l.pages[i] == nil {
			continue
		}
		if _, found := l.pages[i].Find(key); found {
			return true, nil
		}
	}
	return false, nil
}

// filter gives the filter of a part, nil when it is not worth loading.
func (l *lookup) filter(ctx context.Context, i int, r run, p part) (f *runs.Filter, err error) {
	if held := l.held[i]; held.f != nil && held.no == p.no {
		return held.f, nil
	}
	if f = l.c.filters.get(r.id, p.no); f == nil && l.asked*keysPerQuestion >= min(r.keys, runs.PartKeys) {
		if f, err = l.c.filter(ctx, l.tx, r, p); err != nil {
			return nil, err
		}
	}
	l.held[i] = heldFilter{p.no, f}
	return f, nil
}

// page reads the page of a run that the key would stand in, nil when it is
// before the first.
func (c *Catalog) page(ctx context.Context, tx Tx, r run, key []byte) (*runs.Page, error) {
	var live int64
	var first, data []byte
	found, err := one(ctx, tx, `SELECT r.state, b.first, b.data FROM run r LEFT JOIN block b ON b.run = r.id
		AND b.first = (SELECT first FROM block WHERE run = $1 AND first <= $2 ORDER BY first DESC LIMIT 1) WHERE r.id = $1`, with(r.id, key), &live, &first, &data)
	switch {
	case err != nil:
		return nil, err
	case !found || live == stateDead:
		return nil, errGone
	case data == nil:
		return nil, nil //nolint:nilnil // no page is no error
	}
	p, err := runs.OpenPage(data)
	if err == nil && !bytes.Equal(p.At(0).Key, first) {
		return nil, errPage
	}
	return p, err
}
