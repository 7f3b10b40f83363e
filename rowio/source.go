package rowio

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// source gives batches until io.EOF. The caller releases each batch, and
// closes the source once.
type source interface {
	next() (arrow.RecordBatch, error)
	close()
}

// rowsOf makes rows of a source that is opened when the loop begins.
func rowsOf(schema *arrow.Schema, name string, open func() (source, error)) core.Rows {
	return core.Rows{Schema: schema, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		src, err := opened(name, open)
		if err != nil {
			yield(nil, err)
			return
		}
		defer src.close()
		for {
			b, err := step(name, src)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			more := b.NumRows() == 0 || yield(b, nil)
			b.Release()
			if !more {
				return
			}
		}
	}}
}

func opened(name string, open func() (source, error)) (src source, err error) {
	defer guard(name, &err)
	return open()
}

// step guards the decoder alone, not the loop's body.
func step(name string, src source) (b arrow.RecordBatch, err error) {
	defer guard(name, &err)
	return src.next()
}
