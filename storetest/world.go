package storetest

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Keys of the features of Graph.
const (
	KeyVideo     core.FeatureKey = "video/raw"       // root; containers frames, audio
	KeyCrop      core.FeatureKey = "video/crop"      // frames from frames, audio from audio
	KeyEmbedding core.FeatureKey = "video/embedding" // from the frames of crop
	KeyLabel     core.FeatureKey = "label/human"     // root; one container
	KeyTrain     core.FeatureKey = "train/pair"      // from embedding and, optionally, label
)

// Graph is the set of features that the suite and the fixtures use.
func Graph() *core.Graph {
	g, err := core.NewGraph(
		core.NewFeature(string(KeyVideo), core.Container("frames"), core.Container("audio")),
		core.NewFeature(string(KeyCrop), core.DependsOn(string(KeyVideo)),
			core.Container("frames", core.From(string(KeyVideo), "frames")),
			core.Container("audio", core.From(string(KeyVideo), "audio"))),
		core.NewFeature(string(KeyEmbedding), core.DependsOn(string(KeyCrop)),
			core.Container("default", core.From(string(KeyCrop), "frames"))),
		core.NewFeature(string(KeyLabel)),
		core.NewFeature(string(KeyTrain), core.DependsOn(string(KeyEmbedding)), core.DependsOn(string(KeyLabel), core.Optional())),
	)
	if err != nil {
		panic(fmt.Sprintf("storetest: the graph of the fixtures: %v", err))
	}
	return g
}

// plan gives a plan of the fixtures' graph.
func plan(key core.FeatureKey) *core.Plan { return planIn(Graph(), key) }

func planIn(g *core.Graph, key core.FeatureKey) *core.Plan {
	p, err := g.Plan(key)
	if err != nil {
		panic(fmt.Sprintf("storetest: %v", err))
	}
	return p
}

// VideoSchema is what the fixtures write to video/raw: id, user columns, data_version.
func VideoSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "path", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "size", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "score", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "ok", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"frames", "audio"})},
	}, nil)
}

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// video is one row of VideoSchema; n decides the values, some of which are null.
func video(id string, n int) []any {
	row := []any{
		id, fmt.Sprintf("/data/%s.mp4", id), int64(n), float64(n) / 2, n%2 == 0, epoch.Add(time.Duration(n) * time.Second),
		[]any{fmt.Sprintf("f%d", n), fmt.Sprintf("a%d", n)},
	}
	if n%5 == 3 {
		row[1+n%4] = nil
	}
	return row
}

// videos are rows of VideoSchema with the ids s000, s001 and so on.
func videos(from, to int) [][]any {
	var rows [][]any
	for i := from; i < to; i++ {
		rows = append(rows, video(sampleID(i), i))
	}
	return rows
}

func sampleID(i int) string { return fmt.Sprintf("s%03d", i) }

// versionSchema is an id column and "data_version" alone.
func versionSchema(ids []string, containers ...string) *arrow.Schema {
	var fields []arrow.Field
	for _, id := range ids {
		fields = append(fields, arrow.Field{Name: id, Type: arrow.BinaryTypes.String})
	}
	return arrow.NewSchema(append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(containers)}), nil)
}

// idSchema is the schema of tombstones.
func idSchema(ids ...string) *arrow.Schema {
	var fields []arrow.Field
	for _, id := range ids {
		fields = append(fields, arrow.Field{Name: id, Type: arrow.BinaryTypes.String})
	}
	return arrow.NewSchema(fields, nil)
}
