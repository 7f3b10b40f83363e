package core_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// numbers is a schema of one column and batches of it, made in mem.
func numbers(mem memory.Allocator, batches ...[]int64) (*arrow.Schema, []arrow.RecordBatch) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	out := make([]arrow.RecordBatch, len(batches))
	for i, values := range batches {
		b := array.NewRecordBuilder(mem, schema)
		b.Field(0).(*array.Int64Builder).AppendValues(values, nil)
		out[i] = b.NewRecordBatch()
		b.Release()
	}
	return schema, out
}

// failingReader gives its batches and then an error.
type failingReader struct {
	array.RecordReader
	err error
}

func (r failingReader) Err() error { return r.err }

func checked(t *testing.T) *memory.CheckedAllocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func values(t *testing.T, rows core.Rows) (got []int64, err error) {
	t.Helper()
	for b, err := range rows.All() {
		if err != nil {
			return got, err
		}
		got = append(got, b.Column(0).(*array.Int64).Int64Values()...)
	}
	return got, nil
}

func TestRowsOf(t *testing.T) {
	mem := checked(t)
	schema, batches := numbers(mem, []int64{1, 2}, []int64{3})
	defer core.ReleaseAll(batches)
	rows := core.RowsOf(schema, batches...)
	for range 2 {
		if got, err := values(t, rows); err != nil || !slices.Equal(got, []int64{1, 2, 3}) {
			t.Errorf("%v, %v", got, err)
		}
		if n, err := rows.Count(); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	for range rows.All() {
		break
	}
	got, err := rows.Collect()
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	core.ReleaseAll(got)
}

func TestZeroRows(t *testing.T) {
	var rows core.Rows
	if got, err := rows.Collect(); len(got) > 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	r := rows.Reader()
	if r.Next() || r.Err() != nil {
		t.Error("the zero rows have a batch")
	}
	r.Release()
}

// reader opens a reader that owns its batches.
func reader(mem memory.Allocator, opened *int, err error) func() (array.RecordReader, error) {
	return func() (array.RecordReader, error) {
		*opened++
		schema, batches := numbers(mem, []int64{1, 2}, []int64{3})
		defer core.ReleaseAll(batches)
		r, readerErr := array.NewRecordReader(schema, batches)
		return failingReader{r, err}, readerErr
	}
}

func TestRowsFrom(t *testing.T) {
	schema, _ := numbers(memory.DefaultAllocator)
	for name, tc := range map[string]struct {
		use    func(*testing.T, core.Rows)
		err    error
		opened int
	}{
		"never ranged": {func(*testing.T, core.Rows) {}, nil, 0},
		"ranged twice": {func(t *testing.T, rows core.Rows) {
			t.Helper()
			if got, err := values(t, rows); err != nil || !slices.Equal(got, []int64{1, 2, 3}) {
				t.Errorf("%v, %v", got, err)
			}
			if got, err := values(t, rows); len(got) > 0 || !errors.Is(err, core.ErrInvalid) {
				t.Errorf("again: %v, %v", got, err)
			}
		}, nil, 1},
		"left early": {func(_ *testing.T, rows core.Rows) {
			for range rows.All() {
				break
			}
		}, nil, 1},
		"a panic in the loop": {func(_ *testing.T, rows core.Rows) {
			defer func() { _ = recover() }()
			for range rows.All() {
				panic("in the loop body")
			}
		}, nil, 1},
		"an error at the end": {func(t *testing.T, rows core.Rows) {
			t.Helper()
			if got, err := values(t, rows); len(got) != 3 || !errors.Is(err, errBoom) {
				t.Errorf("%v, %v", got, err)
			}
		}, errBoom, 1},
		"an error when collecting": {func(t *testing.T, rows core.Rows) {
			t.Helper()
			if got, err := rows.Collect(); got != nil || !errors.Is(err, errBoom) {
				t.Errorf("%v, %v", got, err)
			}
		}, errBoom, 1},
		"collected": {func(t *testing.T, rows core.Rows) {
			t.Helper()
			got, err := rows.Collect()
			if len(got) != 2 || err != nil {
				t.Errorf("%v, %v", got, err)
			}
			core.ReleaseAll(got)
		}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			opened := 0
			tc.use(t, core.RowsFrom(schema, reader(checked(t), &opened, tc.err)))
			if opened != tc.opened {
				t.Errorf("opened %d times", opened)
			}
		})
	}
	t.Run("cannot be opened", func(t *testing.T) {
		rows := core.RowsFrom(schema, func() (array.RecordReader, error) { return nil, errBoom })
		if _, err := rows.Count(); !errors.Is(err, errBoom) {
			t.Error(err)
		}
	})
}

func TestRowsReader(t *testing.T) {
	schema, _ := numbers(memory.DefaultAllocator)
	t.Run("never read", func(t *testing.T) {
		opened := 0
		r := core.RowsFrom(schema, reader(checked(t), &opened, nil)).Reader()
		r.Release()
		if opened != 0 || r.Next() {
			t.Errorf("opened %d times", opened)
		}
	})
	t.Run("read to the end", func(t *testing.T) {
		opened := 0
		r := core.RowsFrom(schema, reader(checked(t), &opened, nil)).Reader()
		defer r.Release()
		n := int64(0)
		for r.Next() {
			n += r.RecordBatch().NumRows()
		}
		if n != 3 || r.Err() != nil || r.Next() || !r.Schema().Equal(schema) || r.RecordBatch() != nil {
			t.Errorf("%d rows, %v", n, r.Err())
		}
	})
	t.Run("left early, held twice", func(t *testing.T) {
		opened := 0
		r := core.RowsFrom(schema, reader(checked(t), &opened, nil)).Reader()
		r.Retain()
		if !r.Next() {
			t.Fatal(r.Err())
		}
		r.Release()
		if r.RecordBatch() == nil {
			t.Error("released while it is held")
		}
		r.Release()
		if r.Next() {
			t.Error("released readers have no more batches")
		}
	})
	t.Run("an error", func(t *testing.T) {
		opened := 0
		r := core.RowsFrom(schema, reader(checked(t), &opened, errBoom)).Reader()
		defer r.Release()
		for r.Next() {
		}
		if !errors.Is(r.Err(), errBoom) {
			t.Error(r.Err())
		}
	})
}

func TestOnceFromTwoGoroutines(t *testing.T) {
	schema, batches := numbers(memory.DefaultAllocator, []int64{1})
	rows := core.Rows{Schema: schema, Batches: core.Once(core.RowsOf(schema, batches...).Batches)}
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := rows.Count()
			errs <- err
		}()
	}
	refused := 0
	for range cap(errs) {
		if err := <-errs; err != nil && strings.Contains(err.Error(), "already read") {
			refused++
		}
	}
	if refused != cap(errs)-1 {
		t.Errorf("%d of %d were refused", refused, cap(errs))
	}
}
