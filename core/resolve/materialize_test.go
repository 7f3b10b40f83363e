package resolve_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/core/resolve/oracle"
)

// many makes n samples whose versions begin with prefix.
func many(t testing.TB, n int64, prefix string) core.Rows {
	t.Helper()
	var rows []oracle.Row
	for i := range n {
		rows = append(rows, row(i, prefix))
	}
	return samples(t, nil, rows...)
}

func live(t testing.TB, s core.Store, key core.FeatureKey, ids ...string) []string {
	t.Helper()
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	got := texts(t, rows, ids)
	slices.Sort(got)
	return got
}

func TestMaterializeGoesOnWhereItStopped(t *testing.T) {
	g := graph(t, core.NewFeature("root"), core.NewFeature("leaf", core.DependsOn("root")))
	p := plan(t, g, "leaf")
	s := backend.New()
	defer s.Close()
	write(t, s, g, "root", many(t, 25, "v"))
	broken := errors.New("the computer is on fire")
	calls := 0
	_, err := resolve.Materialize(t.Context(), s, p, func(_ context.Context, b arrow.RecordBatch) (arrow.RecordBatch, error) {
		if calls++; calls == 3 {
			return nil, broken
		}
		return b, nil
	}, resolve.BatchRows(10))
	if !errors.Is(err, broken) || len(live(t, s, "leaf", "sample_id")) != 20 {
		t.Fatal(err, calls)
	}
	var told [][2]int64
	report, err := resolve.Materialize(t.Context(), s, p, nil, resolve.BatchRows(3),
		resolve.Progress(func(done, total int64) { told = append(told, [2]int64{done, total}) }))
	if err != nil || report.Written != 5 || len(report.Commits) != 2 || !reflect.DeepEqual(told, [][2]int64{{3, 5}, {5, 5}}) {
		t.Fatal(report, err, told)
	}
	if !reflect.DeepEqual(report.Commits[1].Basis, core.Basis{"root": 1}) {
		t.Fatal(report.Commits[1].Basis)
	}
	// Back to a version that was there before: the commit is no repetition.
	for _, v := range []string{"w", "v"} {
		write(t, s, g, "root", many(t, 25, v))
		if report, err = resolve.Materialize(t.Context(), s, p, nil); err != nil || report.Written != 25 || report.Stats.Stale != 25 {
			t.Fatal(report, err)
		}
	}
	if report, err = resolve.Materialize(t.Context(), s, p, nil); err != nil || !report.Stats.Clean() || len(report.Commits) != 0 {
		t.Fatal(report, err)
	}
	root := plan(t, g, "root")
	if _, err := resolve.Retire(t.Context(), s, root, samples(t, nil, row(3, "x"), row(4, "x"))); err != nil {
		t.Fatal(err)
	}
	report, err = resolve.Materialize(t.Context(), s, p, nil, resolve.RetireOrphans())
	if err != nil || report.Retired != 2 || len(live(t, s, "leaf", "sample_id")) != 23 {
		t.Fatal(report, err)
	}
	if _, err := resolve.Materialize(t.Context(), s, root, nil); !errors.Is(err, core.ErrInvalid) {
		t.Fatal(err)
	}
}

func TestMaterializeChecksWhatComesBack(t *testing.T) {
	g := graph(t, core.NewFeature("root"), core.NewFeature("leaf", core.DependsOn("root")))
	s := backend.New()
	defer s.Close()
	write(t, s, g, "root", many(t, 3, "v"))
	for want, compute := range map[string]resolve.Compute{
		"returned 2 rows for 3 samples": func(_ context.Context, b arrow.RecordBatch) (arrow.RecordBatch, error) {
			return b.NewSlice(0, 2), nil
		},
		"another sample in row 1": func(_ context.Context, b arrow.RecordBatch) (arrow.RecordBatch, error) {
			other := batch(t, []field{idField}, nil, nil, row(9, ""), row(1, ""), row(2, ""))
			return array.NewRecordBatch(b.Schema(), []arrow.Array{other.Column(0), b.Column(1)}, 3), nil
		},
		`changed the version of container "default" in row 1`: func(context.Context, arrow.RecordBatch) (arrow.RecordBatch, error) {
			return batch(t, []field{idField}, []string{"default"}, arrow.BinaryTypes.String, row(0, "mine"), row(1, "x"), row(2, "x")), nil
		},
		"returned no batch": func(context.Context, arrow.RecordBatch) (arrow.RecordBatch, error) { return nil, nil },
	} {
		_, err := resolve.Materialize(t.Context(), s, plan(t, g, "leaf"), compute)
		if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := s.Stat(t.Context(), core.StatRequest{Key: "leaf"}); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Fatal("something was written:", err)
	}
}

// chunks returns n chunks for each document, numbered from 0.
func chunks(n map[int64]int64) resolve.Compute {
	return func(_ context.Context, in arrow.RecordBatch) (arrow.RecordBatch, error) {
		schema := arrow.NewSchema([]arrow.Field{in.Schema().Field(0), {Name: "chunk", Type: arrow.PrimitiveTypes.Int64}, in.Schema().Field(1)}, nil)
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer b.Release()
		dv := in.Column(1).(*array.Struct).Field(0).(*array.String)
		for i, doc := range in.Column(0).(*array.Int64).Int64Values() {
			for c := range n[doc] {
				b.Field(0).(*array.Int64Builder).Append(doc)
				b.Field(1).(*array.Int64Builder).Append(c)
				b.Field(2).(*array.StructBuilder).Append(true)
				b.Field(2).(*array.StructBuilder).FieldBuilder(0).(*array.StringBuilder).Append(dv.Value(i))
			}
		}
		return b.NewRecordBatch(), nil
	}
}

func TestMaterializeExpansion(t *testing.T) {
	g := graph(t, core.NewFeature("root"), core.NewFeature("leaf", core.ID("sample_id", "chunk"), core.DependsOn("root", core.Expand())))
	p := plan(t, g, "leaf")
	s := backend.New()
	defer s.Close()
	write(t, s, g, "root", samples(t, nil, row(1, "a"), row(2, "b"), row(3, "c")))
	count := map[int64]int64{1: 3, 2: 2, 3: 1}
	if r, err := resolve.Materialize(t.Context(), s, p, chunks(count)); err != nil || r.Written != 6 {
		t.Fatal(r, err)
	}
	write(t, s, g, "root", samples(t, nil, row(1, "A"), row(2, "B")))
	count = map[int64]int64{1: 1, 2: 3, 3: 9}
	r, err := resolve.Materialize(t.Context(), s, p, chunks(count), resolve.BatchRows(1))
	if err != nil || r.Written != 4 || r.Retired != 2 || r.Stats.Stale != 2 || r.Stats.Unchanged != 1 {
		t.Fatal(r, err)
	}
	if got := live(t, s, "leaf", "sample_id", "chunk"); !slices.Equal(got, []string{"1|0", "2|0", "2|1", "2|2", "3|0"}) {
		t.Fatal(got)
	}
	if r, err = resolve.Materialize(t.Context(), s, p, chunks(count)); err != nil || !r.Stats.Clean() {
		t.Fatal(r, err)
	}
	if _, err = resolve.Materialize(t.Context(), s, p, nil); !errors.Is(err, core.ErrInvalid) {
		t.Fatal(err)
	}
}

func TestCalculateAndWrite(t *testing.T) {
	g := graph(t, core.NewFeature("up/a", core.Container("audio"), core.Container("frames")), core.NewFeature("leaf", core.DependsOn("up/a")))
	p := plan(t, g, "leaf")
	for name, opts := range budgets {
		t.Run(name, func(t *testing.T) {
			s := backend.New()
			defer s.Close()
			up := batch(t, []field{idField}, []string{"audio", "frames"}, arrow.BinaryTypes.String,
				oracle.Row{Values: map[string]any{"sample_id": int64(1)}, Versions: map[string]string{"audio": "x|y", "frames": "z"}})
			write(t, s, g, "up/a", core.RowsOf(up.Schema(), up))
			in := batch(t, []field{{"path", arrow.BinaryTypes.String}, {"sample_id", arrow.PrimitiveTypes.Int32}}, nil, nil,
				row(4, "", "path", "p4"), row(1, "", "path", "p1"))
			got, err := resolve.CalculateAndWrite(t.Context(), s, p, core.RowsOf(in.Schema(), in), opts...)
			if err != nil || got.Written != 1 || got.Missing != 1 || got.Commit.Basis["up/a"] != 1 {
				t.Fatal(got, err)
			}
			rows, err := s.Read(t.Context(), core.ReadRequest{Key: "leaf"})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(fieldsOf(rows.Schema), []string{"sample_id", "path", "data_version"}) {
				t.Fatal(rows.Schema)
			}
			have, _ := versions(t, rows, []string{"sample_id"})
			want, err := oracle.Resolve(oracle.World{Plan: p, Tables: map[core.FeatureKey][]oracle.Row{
				"up/a": {{Values: map[string]any{"sample_id": int64(1)}, Versions: map[string]string{"audio": "x|y", "frames": "z"}}},
			}})
			if err != nil || !reflect.DeepEqual(have, want.New) {
				t.Fatal(have, want, err)
			}
			if inc := byReading(t, s, core.ResolveRequest{Plan: p}); inc.Stats.Unchanged != 1 || inc.Stats.New != 0 {
				t.Fatal(inc.Stats)
			}
		})
	}
	if _, err := resolve.CalculateAndWrite(t.Context(), backend.New(), plan(t, g, "up/a"), many(t, 1, "")); !errors.Is(err, core.ErrInvalid) {
		t.Fatal(err)
	}
	in := batch(t, []field{idField}, nil, nil, row(1, ""))
	if _, err := resolve.CalculateAndWrite(t.Context(), backend.New(), p, core.RowsOf(in.Schema(), in)); !errors.Is(err, core.ErrDependency) {
		t.Fatal(err)
	}
}

func TestReadUpstream(t *testing.T) {
	g, s := carrier(t)
	defer s.Close()
	p := plan(t, g, "leaf")
	got, err := resolve.ReadUpstream(t.Context(), s, p)
	if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), []core.FeatureKey{"a", "b"}) {
		t.Fatal(got, err)
	}
	if names := fieldsOf(got["a"].Schema); !slices.Equal(names, []string{"sample_id", "path", "tag", "data_version"}) {
		t.Fatal(names)
	}
	if names := fieldsOf(got["b"].Schema); !slices.Equal(names, []string{"sample_id", "other", "bytes", "data_version"}) {
		t.Fatal(names)
	}
	if n, err := got["b"].Count(); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	joined, err := resolve.JoinUpstream(t.Context(), s, p, resolve.Columns("other"))
	if err != nil || len(texts(t, joined, []string{"sample_id"})) != 3 || !slices.Equal(fieldsOf(joined.Schema), []string{"sample_id", "other", "data_version"}) {
		t.Fatal(joined.Schema, err)
	}
}
