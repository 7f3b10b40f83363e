package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
)

// overtaken has its schema changed by somebody else right after it was looked
// at.
type overtaken struct{ core.Store }

func (s overtaken) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	info, err := s.Store.Stat(ctx, req)
	if err != nil {
		return info, err
	}
	_, err = s.Evolve(ctx, core.EvolveRequest{Key: req.Key, Base: info.SchemaVersion, Changes: []core.SchemaChange{
		{Kind: core.AddColumn, Column: "theirs", Type: arrow.PrimitiveTypes.Int8},
	}})
	return info, err
}

func TestEvolveConflict(t *testing.T) {
	ctx, s := t.Context(), memory.New()
	g, err := core.NewGraph(core.NewFeature("video", core.ID("id")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan("video")
	if err != nil {
		t.Fatal(err)
	}
	in := incoming{versions: []string{"default=id"}, format: "csv"}
	var out bytes.Buffer
	a := &app{in: strings.NewReader("id\nv1\n"), out: &out, err: &out}
	rows, err := in.open(a, "-", p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(ctx, core.WriteRequest{Plan: p, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	m := migration{changes: []core.SchemaChange{{Kind: core.AddColumn, Column: "ours", Type: arrow.PrimitiveTypes.Int8}}}
	err = a.migrate(ctx, overtaken{s}, "video", m)
	if !errors.Is(err, core.ErrConflict) || !strings.HasSuffix(err.Error(), "(metaxy show video tells what the columns are now; then say it again)") {
		t.Error(err)
	}
	info, err := s.Stat(ctx, core.StatRequest{Key: "video"})
	if err != nil || info.Schema.HasField("ours") || out.Len() > 0 {
		t.Error(info.Schema, err, out.String())
	}
}
