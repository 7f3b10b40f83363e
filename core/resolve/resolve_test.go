package resolve_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/core/resolve/oracle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func graph(t testing.TB, features ...core.FeatureSpec) *core.Graph {
	t.Helper()
	g, err := core.NewGraph(features...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// row is a sample with an integer id, one container and a user column.
func row(id int64, version string, extra ...any) oracle.Row {
	r := oracle.Row{Values: map[string]any{"sample_id": id}, Versions: map[string]string{"default": version}}
	for i := 0; i+1 < len(extra); i += 2 {
		r.Values[extra[i].(string)] = extra[i+1]
	}
	return r
}

var idField = field{"sample_id", arrow.PrimitiveTypes.Int64}

// samples makes rows with the container "default".
func samples(t testing.TB, fields []field, rows ...oracle.Row) core.Rows {
	t.Helper()
	b := batch(t, append([]field{idField}, fields...), []string{"default"}, arrow.BinaryTypes.String, rows...)
	return core.RowsOf(b.Schema(), b)
}

func byReading(t testing.TB, s core.Store, req core.ResolveRequest, opts ...resolve.Option) core.Increment {
	t.Helper()
	inc, err := resolve.ByReading(t.Context(), s, req, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return inc
}

// budgets are the settings under which every answer must be the same.
var budgets = map[string][]resolve.Option{"memory": nil, "spill": {resolve.Budget(1)}}

func TestRoot(t *testing.T) {
	g := graph(t, core.NewFeature("root"))
	p := plan(t, g, "root")
	for name, opts := range budgets {
		t.Run(name, func(t *testing.T) {
			s := backend.New()
			defer s.Close()
			want := samples(t, []field{{"path", arrow.BinaryTypes.String}}, row(1, "a", "path", "p1"), row(2, "b", "path", "p2"), row(3, "c", "path", "p3"))
			inc := byReading(t, s, core.ResolveRequest{Plan: p, Samples: want, Columns: []string{"path"}}, opts...)
			if inc.Stats.New != 3 || !reflect.DeepEqual(fieldsOf(inc.New.Schema), []string{"sample_id", "path", "data_version"}) {
				t.Fatal(inc.Stats, inc.New.Schema)
			}
			write(t, s, g, "root", inc.New)
			if inc := byReading(t, s, core.ResolveRequest{Plan: p, Samples: want}, opts...); !inc.Stats.Clean() || inc.Stats.Unchanged != 3 {
				t.Fatal(inc.Stats)
			}
			next := samples(t, nil, row(2, "B"), row(3, "c"), row(4, "d"))
			req := core.ResolveRequest{Plan: p, Samples: next}
			got := answer(t, p, byReading(t, s, req, opts...))
			if !reflect.DeepEqual(got.Orphaned, []string{"1"}) || got.New["4"]["default"] != "d" || got.Stale["2"]["default"] != "B" || got.Unchanged != 1 {
				t.Fatalf("%+v", got)
			}
			req.Filter = expr.Col("sample_id").Gt(2)
			got = answer(t, p, byReading(t, s, req, opts...))
			if len(got.Orphaned) != 0 || len(got.New) != 1 || len(got.Stale) != 0 || got.Unchanged != 1 {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func TestSamplesNameBadRowsByNumber(t *testing.T) {
	g := graph(t, core.NewFeature("root"))
	p := plan(t, g, "root")
	s := backend.New()
	defer s.Close()
	null := row(0, "x")
	null.Values["sample_id"] = nil
	for want, rows := range map[string][]oracle.Row{
		"rows 2 and 4 have the same id":                     {row(1, "a"), row(7, "b"), row(2, "c"), row(7, "b")},
		`row 2 has no "sample_id"`:                          {row(1, "a"), null},
		`row 2: "data_version" has no version of container`: {row(1, "a"), {Values: map[string]any{"sample_id": int64(2)}}},
	} {
		for name, opts := range budgets {
			_, err := resolve.ByReading(t.Context(), s, core.ResolveRequest{Plan: p, Samples: samples(t, nil, rows...)}, opts...)
			if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
}

func fieldsOf(s *arrow.Schema) (names []string) {
	for _, f := range s.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// carrier has two upstreams with user columns of many types.
func carrier(t testing.TB) (*core.Graph, core.Store) {
	t.Helper()
	g := graph(t,
		core.NewFeature("a"), core.NewFeature("b"),
		core.NewFeature("leaf", core.DependsOn("a", core.Select("path", "tag")),
			core.DependsOn("b", core.Optional(), core.Rename("path", "other"), core.Rename("size", "bytes"))))
	s := backend.New()
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	write(t, s, g, "a", samples(t, []field{{"path", arrow.BinaryTypes.StringView}, {"tag", dict}, {"size", arrow.PrimitiveTypes.Int32}},
		row(1, "v", "path", "p1", "tag", "x", "size", int64(1)), row(2, "v", "path", "a path longer than twelve", "tag", nil, "size", int64(2)),
		row(3, "v", "path", nil, "tag", "y", "size", int64(3))))
	write(t, s, g, "b", samples(t, []field{{"path", arrow.BinaryTypes.LargeString}, {"size", arrow.PrimitiveTypes.Uint16}},
		row(3, "w", "path", "q3", "size", int64(30)), row(1, "w", "path", "q1", "size", int64(10))))
	return g, s
}

func TestColumnsKeepTheirTypes(t *testing.T) {
	g, s := carrier(t)
	defer s.Close()
	req := core.ResolveRequest{Plan: plan(t, g, "leaf"), Columns: []string{"bytes", "path", "tag", "other"}}
	for name, opts := range budgets {
		t.Run(name, func(t *testing.T) {
			inc := byReading(t, s, req, opts...)
			var types []string
			for _, f := range inc.New.Schema.Fields()[1:5] {
				types = append(types, f.Type.Name())
			}
			if !slices.Equal(types, []string{"uint16", "string_view", "dictionary", "large_utf8"}) {
				t.Fatal(types)
			}
			got := map[string]string{}
			for b, err := range inc.New.All() {
				if err != nil {
					t.Fatal(err)
				}
				for i := range int(b.NumRows()) {
					var cells []string
					for c := range 4 {
						cells = append(cells, b.Column(c+1).ValueStr(i))
					}
					got[b.Column(0).ValueStr(i)] = strings.Join(cells, ",")
				}
			}
			want := map[string]string{"1": "10,p1,x,q1", "2": "(null),a path longer than twelve,(null),(null)", "3": "30,(null),y,q3"}
			if !reflect.DeepEqual(got, want) {
				t.Fatal(got)
			}
		})
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	g, s := carrier(t)
	defer s.Close()
	both := graph(t, core.NewFeature("a"), core.NewFeature("b"), core.NewFeature("leaf", core.DependsOn("a"), core.DependsOn("b")))
	away := graph(t, core.NewFeature("a"), core.NewFeature("leaf", core.DependsOn("a", core.Rename("path", "p"), core.Where(expr.Col("path").Eq("x")))))
	lacking := graph(t, core.NewFeature("a"), core.NewFeature("nowhere"), core.NewFeature("leaf", core.DependsOn("a"), core.DependsOn("nowhere")))
	for want, c := range map[string]struct {
		sentinel error
		req      core.ResolveRequest
	}{
		`has a column "paht" to carry; did you mean "path"?`:  {core.ErrInvalid, core.ResolveRequest{Plan: plan(t, g, "leaf"), Columns: []string{"paht"}}},
		`has a column "size" to carry`:                        {core.ErrInvalid, core.ResolveRequest{Plan: plan(t, g, "leaf"), Columns: []string{"size"}}},
		`column "path" is in both a and b: rename it`:         {core.ErrInvalid, core.ResolveRequest{Plan: plan(t, both, "leaf"), Columns: []string{"path"}}},
		`uses "path", which is called "p" here`:               {core.ErrInvalid, core.ResolveRequest{Plan: plan(t, away, "leaf")}},
		`feature leaf needs nowhere, which holds nothing yet`: {core.ErrDependency, core.ResolveRequest{Plan: plan(t, lacking, "leaf")}},
	} {
		_, err := resolve.ByReading(t.Context(), s, c.req)
		if !errors.Is(err, c.sentinel) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		for _, other := range core.Sentinels() {
			if !errors.Is(c.sentinel, other) && errors.Is(err, other) {
				t.Errorf("%v matches %v too", err, other)
			}
		}
	}
}

// A container that what is held lacks is stale by that container alone.
func TestHeldWithoutAContainer(t *testing.T) {
	before := graph(t, core.NewFeature("root"), core.NewFeature("leaf", core.DependsOn("root")))
	after := graph(t, core.NewFeature("root"), core.NewFeature("leaf", core.DependsOn("root"), core.Container("default"), core.Container("added")))
	s := backend.New()
	defer s.Close()
	write(t, s, before, "root", samples(t, nil, row(1, "a"), row(2, "b")))
	write(t, s, before, "leaf", byReading(t, s, core.ResolveRequest{Plan: plan(t, before, "leaf")}).New)
	p := plan(t, after, "leaf")
	for range 2 { // first the column is absent, then null in old rows
		inc := byReading(t, s, core.ResolveRequest{Plan: p})
		if got := answer(t, p, inc); !reflect.DeepEqual(got.By["2"], []string{"added"}) {
			t.Fatalf("%+v", got)
		}
		inc = byReading(t, s, core.ResolveRequest{Plan: p, Filter: expr.Col("sample_id").Eq(1)})
		b, err := inc.Stale.Collect()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			continue
		}
		stale := array.NewRecordBatch(inc.New.Schema, b[0].Columns()[:2], b[0].NumRows())
		write(t, s, after, "leaf", core.RowsOf(stale.Schema(), stale))
	}
}

// Sides read from foreign memory are released, on success and on failure.
func TestReleasesWhatItRead(t *testing.T) {
	for name, opts := range budgets {
		t.Run(name, func(t *testing.T) {
			checked := memory.NewCheckedAllocator(memory.NewGoAllocator())
			s := backend.New(backend.Allocator(checked))
			g, _ := carrier(t)
			write(t, s, g, "a", samples(t, []field{{"path", arrow.BinaryTypes.String}}, row(1, "v", "path", "p"), row(2, "v", "path", "q")))
			write(t, s, g, "b", samples(t, nil, row(1, "w")))
			inc := byReading(t, s, core.ResolveRequest{Plan: plan(t, g, "leaf"), Columns: []string{"path"}}, opts...)
			if _, err := resolve.ByReading(t.Context(), s, core.ResolveRequest{Plan: plan(t, g, "leaf"), Columns: []string{"path"}},
				resolve.Budget(1), resolve.TempDir("/nowhere/at/all")); name == "spill" && !errors.Is(err, core.ErrUnavailable) {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := resolve.ByReading(ctx, s, core.ResolveRequest{Plan: plan(t, g, "leaf")}, opts...); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			s.Close()
			checked.AssertSize(t, 0)
			if got := texts(t, inc.New, []string{"path"}); !slices.Equal(got, []string{"p", "q"}) {
				t.Fatal(got)
			}
		})
	}
}
