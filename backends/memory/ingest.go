package memory

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// ingest takes the rows of one write into memory of the store, checked and in
// chunks, before anything of them is visible.
type ingest struct {
	req     core.WriteRequest
	copier  *copier
	checker *core.RowChecker

	schema *arrow.Schema // that of the rows, "data_version" made plain
	chunks []*chunk
	starts []int64 // number of each chunk's first row
	rows   int64
	bytes  int64

	index  *index // of these rows alone; finds duplicates
	hashes []uint64
	owned  arrays

	pending     []arrow.RecordBatch // retained until there is a chunk full
	pendingRows int
}

func newIngest(req core.WriteRequest, mem arrowmem.Allocator, seed maphash.Seed) *ingest {
	return &ingest{
		req: req, copier: newCopier(mem), checker: core.NewRowChecker(req, false),
		schema: plainVersions(req.Rows.Schema), index: newIndex(seed),
	}
}

// run ranges over the rows once. On error nothing is kept.
func (in *ingest) run(ctx context.Context) (err error) {
	finished := false
	defer func() {
		core.ReleaseAll(in.pending)
		in.pending = nil
		in.copier.close()
		if !finished {
			in.owned.release()
		}
	}()
	for batch, err := range in.req.Rows.All() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = in.add(batch)
		}
		if err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := in.flush(); err != nil {
		return err
	}
	finished = true
	return nil
}

// add cuts a batch so that every chunk but the last is full, whatever the
// sizes of the batches.
func (in *ingest) add(batch arrow.RecordBatch) error {
	if err := in.checker.Add(batch); err != nil {
		return err
	}
	for from := int64(0); from < batch.NumRows(); {
		to := min(batch.NumRows(), from+int64(chunkRows-in.pendingRows))
		in.pending = append(in.pending, batch.NewSlice(from, to))
		in.pendingRows += int(to - from)
		from = to
		if in.pendingRows == chunkRows {
			if err := in.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush makes a chunk of what is pending. Dictionaries that cannot be unified
// are the one case where it takes more than one.
func (in *ingest) flush() error {
	if in.pendingRows == 0 {
		return nil
	}
	err := in.chunk(in.pending)
	if err != nil && len(in.pending) > 1 && !isInvalid(err) {
		for _, piece := range in.pending {
			if err = in.chunk([]arrow.RecordBatch{piece}); err != nil {
				break
			}
		}
	}
	core.ReleaseAll(in.pending)
	in.pending, in.pendingRows = nil, 0
	return err
}

func (in *ingest) chunk(pieces []arrow.RecordBatch) error {
	var made arrays
	parts := make([]arrow.Array, len(pieces))
	for i, f := range in.schema.Fields() {
		for p, piece := range pieces {
			parts[p] = piece.Column(i)
		}
		var arr arrow.Array
		var err error
		if f.Name == core.ColDataVersion {
			arr, err = in.copier.versions(parts, f.Type.(*arrow.StructType))
		} else {
			arr, err = in.copier.column(parts)
		}
		if err != nil {
			made.release()
			return fmt.Errorf("%w: column %q (%s): %w", core.ErrUnsupported, f.Name, f.Type, err)
		}
		made.add(arr)
	}
	for _, arr := range made {
		in.bytes += sizeOf(arr.Data())
	}
	in.owned = append(in.owned, made...)

	rows := made[0].Len()
	batch := array.NewRecordBatch(in.schema, made, int64(rows))
	defer batch.Release()
	ids, err := ident.Bind(batch, in.req.Plan.Feature.ID)
	if err != nil {
		return fmt.Errorf("%w: %w", core.ErrInvalid, err)
	}
	in.chunks = append(in.chunks, &chunk{rows: rows, columns: made, life: &life{ids: ids}})
	in.starts = append(in.starts, in.rows)
	in.rows += int64(rows)

	var duplicate error
	in.hashes, _ = in.index.add(ids, in.hashes, func(before, now rowRef) bool {
		duplicate = core.DuplicateError(in.starts[before.chunk()]+int64(before.row()), in.starts[now.chunk()]+int64(now.row()))
		return false
	})
	return duplicate
}

// same reports whether two writes brought the same rows in the same order;
// their columns may be in another order.
func (in *ingest) same(w written) bool {
	if in.req.Tombstones != w.commit.Tombstones || in.rows != w.commit.Rows || in.schema.NumFields() != w.schema.NumFields() {
		return false
	}
	for i, f := range in.schema.Fields() {
		at := w.schema.FieldIndices(f.Name)
		if len(at) == 0 || !arrow.TypeEqual(f.Type, w.schema.Field(at[0]).Type) {
			return false
		}
		if !equalColumns(f.Type, in.chunks, i, w.chunks, at[0]) {
			return false
		}
	}
	return true
}

func equalColumns(t arrow.DataType, a []*chunk, i int, b []*chunk, j int) bool {
	gather := func(chunks []*chunk, at int) *arrow.Chunked {
		parts := make([]arrow.Array, len(chunks))
		for c, chunk := range chunks {
			parts[c] = chunk.columns[at]
		}
		return arrow.NewChunked(t, parts)
	}
	x, y := gather(a, i), gather(b, j)
	defer x.Release()
	defer y.Release()
	// Equal first: it knows infinities of every width; the other knows NaN.
	return array.ChunkedEqual(x, y) || array.ChunkedApproxEqual(x, y, array.WithNaNsEqual(true), array.WithAbsTolerance(0))
}

// plainVersions is a schema whose "data_version" has the type that stores keep,
// its containers in the order of the rows.
func plainVersions(s *arrow.Schema) *arrow.Schema {
	fields := slices.Clone(s.Fields())
	for i, f := range fields {
		if st, ok := f.Type.(*arrow.StructType); ok && f.Name == core.ColDataVersion {
			fields[i].Type = core.DataVersionType(containersOf(st))
		}
	}
	return arrow.NewSchema(fields, nil)
}

func containersOf(t *arrow.StructType) []string {
	names := make([]string, t.NumFields())
	for i, f := range t.Fields() {
		names[i] = f.Name
	}
	return names
}
