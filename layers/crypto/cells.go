package crypto

import (
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"
)

// cells collects binary values.
type cells struct {
	data    []byte
	offsets []int64
	valid   bitmap
}

func newCells(rows int) *cells {
	return &cells{offsets: append(make([]int64, 0, rows+1), 0)}
}

func (c *cells) end(ok bool) {
	c.offsets = append(c.offsets, int64(len(c.data)))
	c.valid.add(ok)
}

// parallelRows is how many rows a goroutine should have at least.
const parallelRows = 2048

// spread runs f over parts of n rows on all cores and gives their results in order.
func spread[T any](ctx context.Context, n int, f func(lo, hi int) (T, error)) ([]T, error) {
	parts := min(max(1, n/parallelRows), runtime.GOMAXPROCS(0))
	out := make([]T, parts)
	if parts == 1 {
		var err error
		out[0], err = f(0, n)
		return out, err
	}
	g, _ := errgroup.WithContext(ctx)
	for i := range parts {
		g.Go(func() (err error) {
			defer func() { // nobody above could recover it
				if p := recover(); p != nil {
					err = integrityf("a panic of type %T on a goroutine", p)
				}
			}()
			out[i], err = f(n*i/parts, n*(i+1)/parts)
			return err
		})
	}
	return out, g.Wait()
}

// join makes one array of strings or binary of parts.
func join(t arrow.DataType, parts []*cells) (arrow.Array, error) {
	rows, bytes, nulls := 0, int64(0), 0
	for _, p := range parts {
		rows, bytes, nulls = rows+p.valid.n, bytes+int64(len(p.data)), nulls+p.valid.nulls
	}
	if bytes > math.MaxInt32 {
		return nil, errTooMany
	}
	offsets := make([]int32, rows+1)
	values := parts[0].data
	if len(parts) > 1 {
		values = make([]byte, bytes)
	}
	var valid bitmap
	var copies sync.WaitGroup
	row, base := 0, int64(0)
	for i, p := range parts {
		to, from := offsets[row+1:row+1+p.valid.n], base
		move := func() {
			for i, o := range p.offsets[1:] {
				to[i] = int32(from + o)
			}
			if len(parts) > 1 {
				copy(values[from:], p.data)
			}
		}
		if i == len(parts)-1 {
			move()
		} else { // megabytes: as much work for one core as a part is for all
			copies.Go(move)
		}
		row, base = row+p.valid.n, base+int64(len(p.data))
		if nulls > 0 {
			for i := range p.valid.n {
				valid.add(p.valid.bits[i/8]>>(i%8)&1 == 1)
			}
		}
	}
	copies.Wait()
	var bits *memory.Buffer
	if nulls > 0 {
		bits = memory.NewBufferBytes(valid.bits)
	}
	data := array.NewData(t, rows,
		[]*memory.Buffer{bits, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(values)}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}
