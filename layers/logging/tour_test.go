package logging_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/storetest"
)

// secret stands in every value that the tour writes and in every literal that
// it filters by.
const secret = "canary"

// tour does everything once, well and badly.
func tour(t *testing.T, s core.Store) {
	t.Helper()
	ctx := t.Context()
	plan, err := storetest.Graph().Plan(storetest.KeyLabel)
	if err != nil {
		t.Fatal(err)
	}
	key := plan.Key()
	read := func(req core.ReadRequest) {
		rows, err := s.Read(ctx, req)
		if err == nil {
			_, _ = rows.Count()
		}
	}
	_, _ = s.Stat(ctx, core.StatRequest{Key: key})
	_, _ = s.Write(ctx, core.WriteRequest{Plan: plan, ID: secret, Rows: rowsOf(t, "a", "b", "c")})
	_, _ = s.Write(ctx, core.WriteRequest{Plan: plan, ID: secret, Rows: rowsOf(t, "other")}) // conflict
	_, _ = s.Write(ctx, core.WriteRequest{Plan: plan, Rows: rowsOf(t, "twice", "twice")})    // invalid
	_, _ = s.Write(ctx, core.WriteRequest{Plan: plan, Rows: idsOf(t, "a"), Tombstones: true})
	read(core.ReadRequest{Key: key})
	read(core.ReadRequest{Key: key, Columns: []string{"sample_id"}, Filter: expr.And(
		expr.Col("sample_id").Eq(secret+"-b"), expr.Col("sample_id").In(secret, secret+"2"), expr.Col("sample_id").Like(secret+"%"))})
	read(core.ReadRequest{Key: key, History: true, AsOf: core.AtCommit(1), Local: true})
	read(core.ReadRequest{Key: key, Filter: expr.Col(secret + "@example.com").Eq(secret)}) // no such column
	read(core.ReadRequest{Key: "not/there", Filter: expr.Col("a").Eq(secret)})
	if rows, err := s.Read(ctx, core.ReadRequest{Key: key}); err == nil {
		for range rows.Batches {
			break
		}
	}
	stopped, stop := context.WithCancel(ctx)
	rows, err := s.Read(stopped, core.ReadRequest{Key: key})
	stop()
	if err == nil {
		_, _ = rows.Count()
	}
	if inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan, Samples: rowsOf(t, "a", "b", "d"), Filter: expr.Col("sample_id").Ne(secret)}); err == nil {
		_, _ = inc.New.Count()
	}
	_, _ = s.Evolve(ctx, core.EvolveRequest{Key: key, Base: 1, Changes: []core.SchemaChange{{Kind: core.AddColumn, Column: "note", Type: arrow.BinaryTypes.String}}})
	_, _ = s.Evolve(ctx, core.EvolveRequest{Key: key, Base: 1, Changes: []core.SchemaChange{{Kind: core.AddColumn, Column: "late", Type: arrow.BinaryTypes.String}}})
	_, _ = s.Stat(ctx, core.StatRequest{Key: key})
	for range s.List(ctx, core.ListRequest{}) {
	}
	for range s.List(ctx, core.ListRequest{Prefix: "label/", Local: true}) {
	}
	_ = s.Close()
	_, _ = s.Read(ctx, core.ReadRequest{Key: key})
}

// canary fails when a value or a literal of the tour was logged, or a literal
// that was mistaken for a column.
func canary(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, secret) {
			t.Errorf("a value was logged: %s", line)
		}
	}
	if !strings.Contains(log, `"filters":"applied"`) {
		t.Error("no filter was logged: the test shows nothing")
	}
}

func rowsOf(t *testing.T, ids ...string) core.Rows {
	t.Helper()
	return rowsWith(t, true, ids)
}

func idsOf(t *testing.T, ids ...string) core.Rows {
	t.Helper()
	return rowsWith(t, false, ids)
}

func rowsWith(t *testing.T, versions bool, ids []string) core.Rows {
	t.Helper()
	fields := []arrow.Field{{Name: "sample_id", Type: arrow.BinaryTypes.String}}
	if versions {
		fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"default"})})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, id := range ids {
		b.Field(0).(*array.StringBuilder).Append(secret + "-" + id)
		if versions {
			st := b.Field(1).(*array.StructBuilder)
			st.Append(true)
			st.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("%s-%d", secret, i))
		}
	}
	batch := b.NewRecordBatch()
	t.Cleanup(batch.Release)
	return core.RowsOf(batch.Schema(), batch)
}
