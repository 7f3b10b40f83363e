package main

import (
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// video is a sample of video/raw: its versions stand for hashes of its content.
type video struct{ id, frames, audio string }

func videos() []video {
	return []video{{"a", "f1", "s1"}, {"b", "f1", "s1"}, {"c", "f1", "s1"}, {"d", "f1", "s1"}, {"e", "f1", "s1"}, {"f", "f1", "s1"}}
}

// write writes videos as one commit.
func (w world) write(store core.Store, list ...video) error {
	plan, err := w.graph.Plan(raw)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: arrow.BinaryTypes.String},
		{Name: "path", Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType(plan.ContainerNames())},
	}, nil))
	defer b.Release()
	for _, v := range list {
		b.Field(0).(*array.StringBuilder).Append(v.id)
		b.Field(1).(*array.StringBuilder).Append("videos/" + v.id + ".mp4")
		versions := b.Field(2).(*array.StructBuilder)
		versions.Append(true)
		versions.FieldBuilder(0).(*array.StringBuilder).Append(v.frames)
		versions.FieldBuilder(1).(*array.StringBuilder).Append(v.audio)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	_, err = store.Write(w.ctx, core.WriteRequest{Plan: plan, Rows: core.RowsOf(batch.Schema(), batch)})
	return err
}

// origins tells for each store which samples of a feature it supplies.
func (w world) origins(store core.Store, key core.FeatureKey) (string, error) {
	rows, err := store.Read(w.ctx, core.ReadRequest{Key: key, Columns: []string{core.DefaultID, core.ColOrigin}})
	if err != nil {
		return "", err
	}
	from := map[string][]string{}
	for batch, err := range rows.All() {
		if err != nil {
			return "", err
		}
		id, at := batch.Column(0).(*array.String), batch.Column(1)
		for i := range int(batch.NumRows()) {
			from[at.ValueStr(i)] = append(from[at.ValueStr(i)], strings.Clone(id.Value(i)))
		}
	}
	var words []string
	for name, ids := range from {
		slices.Sort(ids)
		if name == "" {
			name = "dev"
		}
		words = append(words, strings.Join(ids, " ")+" from "+name)
	}
	slices.Sort(words)
	return strings.Join(words, ", "), nil
}
