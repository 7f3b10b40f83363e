package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
)

// shelf is a store that does no work: it keeps the batches of one write and
// hands them out. What is measured over it is the layer's own.
type shelf struct {
	info    core.Info
	batches []arrow.RecordBatch
}

var _ core.Store = (*shelf)(nil)

func (s *shelf) Write(_ context.Context, req core.WriteRequest) (core.Commit, error) {
	s.drop()
	for b, err := range req.Rows.All() {
		if err != nil {
			return core.Commit{}, err
		}
		b.Retain()
		s.batches = append(s.batches, b)
		s.info.Rows += b.NumRows()
	}
	s.info.Key, s.info.Schema, s.info.ID, s.info.Containers = req.Key(), req.Rows.Schema, req.Plan.Feature.ID, req.Plan.ContainerNames()
	s.info.SchemaVersion, s.info.Generation = 1, 1
	return core.Commit{Seq: 1, Rows: s.info.Rows}, nil
}

func (s *shelf) drop() {
	core.ReleaseAll(s.batches)
	s.batches, s.info = nil, core.Info{}
}

func (s *shelf) Read(_ context.Context, req core.ReadRequest) (core.Rows, error) {
	if s.info.Schema == nil {
		return core.Rows{}, core.ErrFeatureNotFound
	}
	if req.Columns == nil {
		return core.Rows{Schema: s.info.Schema, Batches: s.each(nil, s.info.Schema)}, nil
	}
	at := make([]int, len(req.Columns))
	fields := make([]arrow.Field, len(at))
	for i, name := range req.Columns {
		found := s.info.Schema.FieldIndices(name)
		if len(found) != 1 {
			return core.Rows{}, fmt.Errorf("%w: column %q", core.ErrInvalid, name)
		}
		at[i], fields[i] = found[0], s.info.Schema.Field(found[0])
	}
	schema := arrow.NewSchema(fields, nil)
	return core.Rows{Schema: schema, Batches: s.each(at, schema)}, nil
}

func (s *shelf) each(at []int, schema *arrow.Schema) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, b := range s.batches {
			if at != nil {
				columns := make([]arrow.Array, len(at))
				for i, from := range at {
					columns[i] = b.Column(from)
				}
				b = array.NewRecordBatch(schema, columns, b.NumRows())
			} else {
				b.Retain()
			}
			ok := yield(b, nil)
			b.Release()
			if !ok {
				return
			}
		}
	}
}

func (s *shelf) Stat(context.Context, core.StatRequest) (core.Info, error) {
	if s.info.Schema == nil {
		return core.Info{}, core.ErrFeatureNotFound
	}
	return s.info, nil
}

func (s *shelf) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		if s.info.Schema != nil {
			yield(s.info, nil)
		}
	}
}

func (s *shelf) Resolve(context.Context, core.ResolveRequest) (core.Increment, error) {
	return core.Increment{}, core.ErrUnsupported
}

func (s *shelf) Evolve(context.Context, core.EvolveRequest) (core.Info, error) {
	return core.Info{}, core.ErrUnsupported
}

func (s *shelf) Capabilities() core.Capabilities { return core.Capabilities{PushColumns: true} }

func (s *shelf) Close() error {
	s.drop()
	return nil
}
