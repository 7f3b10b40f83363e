//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// insert streams pieces into the feature's table while the caller's source goes on.
type insert struct {
	w      *writer
	mem    memory.Allocator
	ctx    context.Context
	cancel context.CancelFunc
	in     *inlet
	types  []arrow.DataType // of the table's columns as DuckDB takes them
	done   chan error       // one value when the statement has ended
	ended  bool
	err    error
}

// begin starts the statement.
func (w *writer) begin() *insert {
	ins := &insert{w: w, mem: memory.DefaultAllocator, done: make(chan error, 1)}
	ins.ctx, ins.cancel = context.WithCancel(w.ctx)
	fields := []arrow.Field{
		{Name: core.ColCommit, Type: arrow.PrimitiveTypes.Int64},
		{Name: colUntil, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: core.ColDeleted, Type: arrow.FixedWidthTypes.Boolean},
		{Name: colZeros, Type: arrow.BinaryTypes.Binary, Nullable: true},
	}
	for i, f := range w.m.schema.Fields() {
		k, _ := keep(f.Type) // accepted before
		ins.types = append(ins.types, k.typ)
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: k.typ, Nullable: true})
	}
	ins.in = newInlet(ins.ctx, arrow.NewSchema(fields, nil))
	go func() {
		_, err := w.c.ingest(ins.ctx, ins.in, w.m.table())
		ins.done <- err
	}()
	return ins
}

// add arranges a piece as the table has it, and takes it over.
func (ins *insert) add(p *piece, from []int) error {
	defer p.release()
	batch, err := ins.arrange(p, from)
	if err != nil {
		return err
	}
	select {
	case ins.in.feed <- batch:
		return nil
	case err := <-ins.done:
		batch.Release()
		ins.ended, ins.err = true, err
		if err == nil {
			err = fmt.Errorf("%w: DuckDB stopped reading the rows", core.ErrUnavailable)
		}
		return err
	case <-ins.ctx.Done():
		batch.Release()
		return ins.ctx.Err()
	}
}

func (ins *insert) arrange(p *piece, from []int) (arrow.RecordBatch, error) {
	w, n := ins.w, int(p.rows)
	columns := make([]arrow.Array, 0, len(from)+countOurs)
	defer func() { releaseAll(columns) }()
	columns = append(columns, repeat(ins.mem, n, w.seq), array.MakeArrayOfNull(ins.mem, arrow.PrimitiveTypes.Int64, n),
		repeatBool(ins.mem, n, w.req.Tombstones), ins.zeros(p, from))
	for i, at := range from {
		f := w.m.schema.Field(i)
		switch {
		case at < 0:
			columns = append(columns, array.MakeArrayOfNull(ins.mem, ins.types[i], n))
		case f.Name == core.ColDataVersion:
			columns = append(columns, ins.widen(p.columns[at].(*array.Struct), f.Type.(*arrow.StructType)))
		default:
			p.columns[at].Retain()
			columns = append(columns, p.columns[at])
		}
	}
	return array.NewRecordBatch(ins.in.schema, columns, p.rows), nil
}

// zeros is the column that says where negative zeros are.
func (ins *insert) zeros(p *piece, from []int) arrow.Array {
	floats := make([]arrow.Array, len(from))
	some := false
	for i, at := range from {
		if at >= 0 && hasFloats(p.columns[at].DataType()) {
			floats[i], some = p.columns[at], true
		}
	}
	if some {
		if zeros := findZeros(ins.mem, floats, int(p.rows)); zeros != nil {
			ins.w.zeros = true
			return zeros
		}
	}
	return array.MakeArrayOfNull(ins.mem, arrow.BinaryTypes.Binary, int(p.rows))
}

// widen puts the containers in their places; those that the rows lack are null.
func (ins *insert) widen(a *array.Struct, t *arrow.StructType) arrow.Array {
	children := make([]arrow.Array, t.NumFields())
	defer func() { releaseAll(children) }()
	for i, f := range t.Fields() {
		if at, ok := a.DataType().(*arrow.StructType).FieldIdx(f.Name); ok {
			a.Field(at).Retain()
			children[i] = a.Field(at)
		} else {
			children[i] = array.MakeArrayOfNull(ins.mem, arrow.BinaryTypes.String, a.Len())
		}
	}
	k, _ := keepStruct(t)
	return makeStruct(k.typ.(*arrow.StructType), a.Len(), nil, 0, children)
}

// wait ends the stream and gives the statement's error.
func (ins *insert) wait() error {
	close(ins.in.feed)
	if !ins.ended {
		ins.ended, ins.err = true, <-ins.done
	}
	return ins.err
}

// stop ends the statement, if it has not ended yet.
func (ins *insert) stop() {
	ins.cancel()
	if !ins.ended {
		ins.ended, ins.err = true, <-ins.done
	}
	for {
		select {
		case b, ok := <-ins.in.feed:
			if !ok {
				return
			}
			b.Release()
			continue
		default:
		}
		return
	}
}

func repeat(mem memory.Allocator, n int, v int64) arrow.Array {
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}

func repeatBool(mem memory.Allocator, n int, v bool) arrow.Array {
	b := array.NewBooleanBuilder(mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}
