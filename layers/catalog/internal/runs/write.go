package runs

import (
	"bytes"

	"github.com/FastFilter/xorfilter"
)

// StoredPage is a page on its way into a database, known by its first key.
type StoredPage struct{ First, Data []byte }

// StoredPart is a filter on its way into a database: that of the keys from
// First up to the next part's.
type StoredPart struct {
	No     int
	First  []byte
	Keys   int64
	Filter []byte
}

// Writer cuts a sorted sequence into pages and parts.
type Writer struct {
	Page    func(StoredPage) error // nil: filters alone are kept
	Part    func(StoredPart) error
	HashKey bool // the keys are made by HashKey

	pager   pager
	hashes  []uint64
	builder xorfilter.BinaryFuseBuilder
	part    StoredPart
	keys    int64
}

// Add takes the next entry; its key is not kept.
func (w *Writer) Add(e Entry) error {
	if len(w.hashes) == PartKeys {
		if err := w.endPart(); err != nil {
			return err
		}
	}
	if len(w.hashes) == 0 {
		w.part.First = bytes.Clone(e.Key)
	}
	if w.HashKey {
		w.hashes = append(w.hashes, HashOfKey(e.Key))
	} else {
		w.hashes = append(w.hashes, Hash(e.Key))
	}
	w.keys++
	if w.Page == nil {
		return nil
	}
	w.pager.add(e)
	if w.pager.full() {
		return w.endPage()
	}
	return nil
}

func (w *Writer) endPage() error {
	first := w.pager.first()
	return w.Page(StoredPage{First: first, Data: w.pager.flush()})
}

func (w *Writer) endPart() error {
	w.part.Keys = int64(len(w.hashes))
	filter, err := buildFilter(&w.builder, w.hashes)
	if err != nil {
		return err
	}
	w.part.Filter = filter
	err = w.Part(w.part)
	w.hashes = w.hashes[:0]
	w.part = StoredPart{No: w.part.No + 1}
	return err
}

// End flushes what is left and says how many keys there were.
func (w *Writer) End() (keys int64, err error) {
	if len(w.pager.ends) > 0 {
		if err := w.endPage(); err != nil {
			return w.keys, err
		}
	}
	if len(w.hashes) > 0 {
		if err := w.endPart(); err != nil {
			return w.keys, err
		}
	}
	return w.keys, nil
}
