package core_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func fieldsOf(fields ...arrow.Field) *arrow.Schema { return arrow.NewSchema(fields, nil) }

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

var (
	text    = arrow.BinaryTypes.String
	whole   = arrow.PrimitiveTypes.Int64
	dictTyp = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
)

// wantInvalid checks that err matches ErrInvalid and has the text; "" wants no
// error.
func wantInvalid(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestReadCheckAndBind(t *testing.T) {
	info := core.Info{
		Key: "video/raw", Generation: 3, ID: []string{"id"},
		Schema: fieldsOf(arrow.Field{Name: "id", Type: whole}, arrow.Field{Name: "region", Type: text}, field("data_version", core.DataVersionType([]string{"frames"}))),
	}
	id, region := expr.Col("id").Gt(1), expr.Col("region").Eq("x")
	for name, tc := range map[string]struct {
		req  core.ReadRequest
		want string // of the error
	}{
		"zero":                {core.ReadRequest{}, "empty feature key"},
		"everything":          {core.ReadRequest{Key: "video/raw"}, ""},
		"a negative commit":   {core.ReadRequest{Key: "video/raw", AsOf: core.AtCommit(-1)}, "numbered from 1"},
		"commit and time":     {core.ReadRequest{Key: "video/raw", AsOf: core.AsOf{Seq: 1, Time: time.Unix(1, 0)}}, "choose one"},
		"the last commit":     {core.ReadRequest{Key: "video/raw", AsOf: core.AtCommit(3)}, ""},
		"beyond the last":     {core.ReadRequest{Key: "video/raw", AsOf: core.AtCommit(4)}, "as of commit 4: the last is 3"},
		"an unknown column":   {core.ReadRequest{Key: "video/raw", Columns: []string{"id", "regoin"}}, `no column "regoin"; did you mean "region"?`},
		"a column twice":      {core.ReadRequest{Key: "video/raw", Columns: []string{"id", "region", "id"}}, `"id" is asked for twice`},
		"an unknown filter":   {core.ReadRequest{Key: "video/raw", Filter: expr.Col("regoin").Eq("secret")}, `did you mean "region"?`},
		"a filter's type":     {core.ReadRequest{Key: "video/raw", Filter: expr.Col("id").Eq("secret")}, "filter"},
		"a container":         {core.ReadRequest{Key: "video/raw", Filter: expr.Col("data_version.frames").Eq("x")}, ""},
		"an unknown one":      {core.ReadRequest{Key: "video/raw", Filter: expr.Col("data_version.frame").Eq("x")}, "frame"},
		"a column of no name": {core.ReadRequest{Key: "video/raw", Columns: []string{""}}, `no column ""`},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.req.Check()
			if err == nil {
				_, err = tc.req.Bind(info)
			}
			wantInvalid(t, err, tc.want)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v holds a literal", err)
			}
		})
	}
	p, err := core.ReadRequest{Key: "video/raw", Columns: []string{"metaxy_commit", "region"}, Filter: expr.And(region, id, expr.Col("metaxy_deleted").Eq(false))}.Bind(info)
	if err != nil {
		t.Fatal(err)
	}
	if p.Schema.NumFields() != 2 || p.Schema.Field(0).Name != "metaxy_commit" || p.All.NumFields() != 3+len(core.SystemFields()) {
		t.Errorf("%v", p.Schema)
	}
	if !expr.Equal(p.IDFilter, id) || !expr.Equal(p.RowFilter, expr.And(region, expr.Col("metaxy_deleted").Eq(false))) {
		t.Errorf("by id %v, by row %v", p.IDFilter, p.RowFilter)
	}
	if p, err = (core.ReadRequest{Key: "video/raw", Columns: []string{}}).Bind(info); err != nil || p.Schema.NumFields() != 0 {
		t.Errorf("%v, %v", p.Schema, err)
	}
	if p, err = (core.ReadRequest{Key: "video/raw", History: true}).Bind(info); err != nil || p.Schema.Field(0).Nullable || !p.Schema.Field(1).Nullable {
		t.Errorf("%v, %v", p.Schema, err)
	}
	wantInvalid(t, core.StatRequest{Key: "a", Commits: -2}.Check(), "ask for -1")
	wantInvalid(t, core.StatRequest{Key: "a", Commits: -1}.Check(), "")
	wantInvalid(t, core.StatRequest{}.Check(), "empty feature key")
}

func TestResolveCheck(t *testing.T) {
	g := graphOf(t, raw(), core.NewFeature("video/crop", core.DependsOn("video/raw")))
	root, crop := planOf(t, g, "video/raw"), planOf(t, g, "video/crop")
	samples := core.Rows{Schema: fieldsOf(field("sample_id", text), field("path", text), field("data_version", core.DataVersionType([]string{"frames", "audio"})))}
	for name, tc := range map[string]struct {
		req  core.ResolveRequest
		want string
	}{
		"zero":              {core.ResolveRequest{}, "no plan"},
		"a root":            {core.ResolveRequest{Plan: root, Samples: samples, Columns: []string{"path"}}, ""},
		"a bare root":       {core.ResolveRequest{Plan: root}, "Samples must say"},
		"bad samples":       {core.ResolveRequest{Plan: root, Samples: core.Rows{Schema: fieldsOf(field("sample_id", text))}}, "data_version"},
		"samples elsewhere": {core.ResolveRequest{Plan: crop, Samples: samples}, "Samples are for root features"},
		"no root":           {core.ResolveRequest{Plan: crop, Filter: expr.Col("sample_id").Gt("x")}, ""},
		"a column twice":    {core.ResolveRequest{Plan: crop, Columns: []string{"path", "path"}}, "asked for twice"},
		"an id":             {core.ResolveRequest{Plan: crop, Columns: []string{"sample_id"}}, "always there"},
		"a filter":          {core.ResolveRequest{Plan: crop, Filter: expr.Col("path").Eq("x")}, `[sample_id] alone, not by "path"`},
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, tc.req.Check(), tc.want) })
	}
}
