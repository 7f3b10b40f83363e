package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// Evolve makes new versions of the chunks. Readers of the old state go on with
// the old ones; what a widening replaced is kept until Close for their sake.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	info, err := s.evolve(ctx, req)
	return info, wrap(core.OpEvolve, req.Key, err)
}

func (s *store) evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Info{}, err
	}
	if err := s.enter(); err != nil {
		return core.Info{}, err
	}
	defer s.leave()
	if _, err := s.state(req.Key); err != nil {
		return core.Info{}, err
	}
	t := s.table(req.Key)
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.state.Load()
	if req.Base != old.info.SchemaVersion {
		return core.Info{}, fmt.Errorf("%w: the schema is at version %d, the migration builds on %d", core.ErrConflict, old.info.SchemaVersion, req.Base)
	}
	schema, err := req.Apply(old.info)
	if err != nil {
		return core.Info{}, err
	}
	st, made, err := t.reshape(ctx, old, schema)
	if err != nil {
		return core.Info{}, err
	}
	t.own(made)
	t.state.Store(st)
	return st.describe(0), nil
}

// grow is the state that a write starts from: a new one for a feature's first
// write, one with more containers where the rows bring them.
func (t *table) grow(old *state, in *ingest) (*state, error) {
	if old == nil {
		return first(t.key, in), nil
	}
	st := *old
	st.info.Log = nil
	at := in.schema.FieldIndices(core.ColDataVersion)
	if len(at) == 0 {
		return &st, nil // tombstones
	}
	containers := slices.Clone(st.info.Containers)
	for _, c := range containersOf(in.schema.Field(at[0]).Type.(*arrow.StructType)) {
		if !slices.Contains(containers, c) {
			containers = append(containers, c)
		}
	}
	if len(containers) == len(st.info.Containers) {
		return &st, nil
	}
	fields := slices.Clone(st.info.Schema.Fields())
	fields[st.info.Schema.FieldIndices(core.ColDataVersion)[0]].Type = core.DataVersionType(containers)
	grown, made, err := t.reshape(context.Background(), old, arrow.NewSchema(fields, nil))
	if err != nil {
		return nil, err
	}
	in.owned = append(in.owned, made...) // released with the rows if they do not come to stay
	grown.info.Containers = containers
	return grown, nil
}

// first is the state before a feature's first commit.
func first(key core.FeatureKey, in *ingest) *state {
	fields := slices.Clone(in.schema.Fields())
	st := &state{info: core.Info{Key: key, SchemaVersion: 1, ID: slices.Clone(in.req.Plan.Feature.ID)}}
	for i, f := range fields {
		// What the first writer calls nullable binds no later one.
		fields[i].Nullable = !slices.Contains(st.info.ID, f.Name) && f.Name != core.ColDataVersion
		if f.Name == core.ColDataVersion {
			st.info.Containers = containersOf(f.Type.(*arrow.StructType))
		}
	}
	st.info.Schema = arrow.NewSchema(fields, nil)
	return st
}

// reshape gives the state the schema, in which old columns keep their places
// and new ones follow. The arrays that it made are the caller's.
func (t *table) reshape(ctx context.Context, old *state, schema *arrow.Schema) (*state, arrays, error) {
	st := *old
	st.info.Schema = schema
	st.info.SchemaVersion++
	st.chunks = make([]*chunk, len(old.chunks))
	for i, c := range old.chunks {
		next := *c
		next.columns = make([]arrow.Array, schema.NumFields())
		st.chunks[i] = &next
	}
	var made arrays
	for col, f := range schema.Fields() {
		var columns []arrow.Array
		var err error
		switch {
		case col >= old.info.Schema.NumFields():
			columns = nulls(t.mem, &made, f.Type, old.chunks)
		case f.Name == core.ColDataVersion:
			columns = withContainers(t.mem, &made, f.Type.(*arrow.StructType), column(old.chunks, col), old.chunks)
		case arrow.TypeEqual(f.Type, old.info.Schema.Field(col).Type):
			columns = column(old.chunks, col)
		default:
			columns, err = widen(compute.WithAllocator(ctx, t.mem), &made, f.Type, column(old.chunks, col))
		}
		if err != nil {
			made.release()
			return nil, nil, fmt.Errorf("widen column %q to %s: %w", f.Name, f.Type, err)
		}
		for i := range st.chunks {
			st.chunks[i].columns[col] = columns[i]
		}
	}
	return &st, made, nil
}

func column(chunks []*chunk, at int) []arrow.Array {
	out := make([]arrow.Array, len(chunks))
	for i, c := range chunks {
		out[i] = c.columns[at]
	}
	return out
}

func widen(ctx context.Context, made *arrays, to arrow.DataType, columns []arrow.Array) ([]arrow.Array, error) {
	out := make([]arrow.Array, len(columns))
	for i, c := range columns {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// A kernel whose context ends while it runs leaks what it has made so far.
		arr, err := compute.CastToType(context.WithoutCancel(ctx), c, to)
		if err != nil {
			return nil, err
		}
		out[i] = made.add(arr)
	}
	return out, nil
}

// nulls gives each chunk a column of nulls: slices of one array.
func nulls(mem arrowmem.Allocator, made *arrays, t arrow.DataType, chunks []*chunk) []arrow.Array {
	most := 0
	for _, c := range chunks {
		most = max(most, c.rows)
	}
	all := array.MakeArrayOfNull(mem, t, most)
	defer all.Release()
	out := make([]arrow.Array, len(chunks))
	for i, c := range chunks {
		out[i] = made.add(array.NewSlice(all, 0, int64(c.rows)))
	}
	return out
}

// withContainers gives "data_version" the containers of t: those that a chunk
// lacks are null there.
func withContainers(mem arrowmem.Allocator, made *arrays, t *arrow.StructType, columns []arrow.Array, chunks []*chunk) []arrow.Array {
	var none []arrow.Array
	out := make([]arrow.Array, len(columns))
	for i, c := range columns {
		if arrow.TypeEqual(c.DataType(), t) {
			out[i] = c
			continue
		}
		if none == nil {
			none = nulls(mem, made, arrow.BinaryTypes.String, chunks)
		}
		old := c.(*array.Struct)
		children := make([]arrow.Array, t.NumFields())
		for f, field := range t.Fields() {
			children[f] = none[i]
			if at, ok := old.DataType().(*arrow.StructType).FieldIdx(field.Name); ok {
				children[f] = old.Field(at)
			}
		}
		out[i] = made.add(structOf(t, old.Data().Buffers()[0], old.NullN(), children, old.Len()))
	}
	return out
}
