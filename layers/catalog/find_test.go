package catalog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestFind(t *testing.T) {
	cat := catalog.NewMemory()
	s := wrap(t, catalog.New(cat), newStore(t))
	write(t, s, "video/a", sample{"1", "aa", "v1"}, sample{"2", "bb", "v1"})
	write(t, s, "video/a", sample{"1", "aa", "v2"})
	write(t, s, "video/b", sample{"1", "cc", "v1"})
	write(t, s, "text/empty")
	for where, want := range map[string]string{
		"": "text/empty (null) (null) 0 1 0|video/a audio (null) 3 2 3|video/a frames (null) 3 2 3|" +
			"video/b audio (null) 1 1 1|video/b frames (null) 1 1 1",
		"feature = 'video/a' AND container = 'audio'": "video/a audio (null) 3 2 3",
		"rows = 0":                             "text/empty (null) (null) 0 1 0",
		"data_version = 'v1'":                  "video/a frames v1 2 2 3|video/b frames v1 1 1 1",
		"data_version = 'v1' AND generation>1": "video/a frames v1 2 2 3",
		"starts_with(feature, 'video/') AND data_version IS NOT NULL AND sample_count >= 2": "video/a audio aa 2 2 3|video/a frames v1 2 2 3",
		"feature = 'video/none'":                         "",
		"materialized_at < TIMESTAMP '2001-01-01'":       "",
		"feature = 'video/a' AND feature = 'video/b'":    "",
		"feature = 'video/' OR container = 'frames'":     "video/a frames (null) 3 2 3|video/b frames (null) 1 1 1",
		"feature = 'video/b' AND NOT container = 'none'": "video/b audio (null) 1 1 1|video/b frames (null) 1 1 1",
	} {
		var e expr.Expr
		if where != "" {
			var err error
			if e, err = expr.Parse(where); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := catalog.Find(t.Context(), cat, e)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for range 2 { // the rows can be ranged over again
			got = nil
			for b, err := range rows.All() {
				if err != nil {
					t.Fatal(err)
				}
				for i := range int(b.NumRows()) {
					var cells []string
					for c, f := range rows.Schema.Fields() {
						if f.Name != "materialized_at" {
							cells = append(cells, storetest.Cell(b.Column(c), i))
						}
					}
					got = append(got, strings.ReplaceAll(strings.Join(cells, " "), " null", " (null)"))
				}
			}
		}
		if strings.ReplaceAll(strings.Join(got, "|"), `"`, "") != want {
			t.Errorf("%s:\n got %s\nwant %s", where, strings.Join(got, "|"), want)
		}
	}
	if _, err := catalog.Find(t.Context(), cat, expr.Col("none").Eq(1)); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}
