package resolve

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// collected is what a job has found so far.
type collected struct {
	e      *engine
	driver int
	b      *block

	fresh, stale found
	missing      []ref
	diff         []bool // of each stale sample, by container
	counts       core.Stats
	by           []int64
}

// found is a list of samples with their versions.
type found struct {
	rows  []ref // of the driver's block
	texts []textBuilder
	carry [][]ref // by carried column; nil for the driver's own
}

type textBuilder struct {
	data    []byte
	offsets []int32
}

// digest is how long a version mostly is.
const digest = 64

func newCollected(e *engine, driver int, b *block, expect int) *collected {
	c := &collected{e: e, driver: driver, b: b, by: make([]int64, len(e.containers))}
	for _, f := range []*found{&c.fresh, &c.stale} {
		f.texts = make([]textBuilder, len(e.containers))
		f.carry = make([][]ref, len(e.carry))
		for i := range f.texts {
			f.texts[i].offsets = []int32{0}
		}
	}
	if e.held < 0 || len(e.specs[e.held].columns) == 0 {
		// All will be new: one allocation instead of a dozen.
		c.fresh.rows = make([]ref, 0, expect)
		for i := range c.fresh.texts {
			c.fresh.texts[i] = textBuilder{make([]byte, 0, expect*digest), append(make([]int32, 0, expect+1), 0)}
		}
	}
	return c
}

func (c *collected) add(f *found, w *worker, i, row int) {
	f.rows = append(f.rows, makeRef(0, row))
	from := 0
	for at, to := range w.ends {
		t := &f.texts[at]
		t.data = append(t.data, w.fresh[from:to]...)
		t.offsets = append(t.offsets, int32(len(t.data)))
		from = to
	}
	for at, k := range c.e.carry {
		if k.side != c.driver {
			f.carry[at] = append(f.carry[at], w.match[k.side][i])
		}
	}
}

// result turns what was found into batches.
func (c *collected) result(sides []*side) (*result, error) {
	r := &result{counts: c.counts, by: c.by}
	r.counts.New, r.counts.Stale, r.counts.Missing = int64(len(c.fresh.rows)), int64(len(c.stale.rows)), int64(len(c.missing))
	for at, f := range map[int]*found{outNew: &c.fresh, outStale: &c.stale} {
		if len(f.rows) == 0 {
			continue
		}
		columns, err := c.columns(sides, f)
		if err != nil {
			return nil, err
		}
		if at == outStale {
			columns = append(columns, c.staleNames())
		}
		r.batches[at] = newBatch(c.e.schemas[at], columns, len(f.rows))
	}
	if len(c.missing) > 0 {
		columns, err := c.ids(c.missing)
		if err != nil {
			return nil, err
		}
		r.batches[outMissing] = newBatch(c.e.schemas[outMissing], columns, len(c.missing))
	}
	return r, nil
}

func newBatch(schema *arrow.Schema, columns []arrow.Array, rows int) arrow.RecordBatch {
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	return array.NewRecordBatch(schema, columns, int64(rows))
}

func (c *collected) ids(rows []ref) ([]arrow.Array, error) {
	sp := c.e.specs[c.driver]
	out := make([]arrow.Array, 0, len(c.e.ids)+len(c.e.carry)+2)
	for _, f := range c.e.ids {
		arr := c.b.rec.Column(sp.schema.FieldIndices(f.Name)[0])
		id, err := gatherAs(f.Type, arr, rows)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

func (c *collected) columns(sides []*side, f *found) ([]arrow.Array, error) {
	out, err := c.ids(f.rows)
	if err != nil {
		return nil, err
	}
	for at, k := range c.e.carry {
		var arr arrow.Array
		if k.side == c.driver {
			from := c.b.rec.Column(c.e.specs[k.side].schema.FieldIndices(k.name)[0])
			arr, err = gather(k.field.Type, []arrow.Array{from}, f.rows)
		} else {
			arr, err = gather(k.field.Type, sides[k.side].column(k.name), f.carry[at])
		}
		if err != nil {
			return nil, err
		}
		out = append(out, arr)
	}
	versions := make([]arrow.ArrayData, len(f.texts))
	for i, t := range f.texts {
		versions[i] = array.NewData(arrow.BinaryTypes.String, len(f.rows), []*memory.Buffer{
			nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(t.offsets)), memory.NewBufferBytes(t.data),
		}, nil, 0, 0)
	}
	schema := c.e.schemas[outNew]
	t := schema.Field(schema.NumFields() - 1).Type
	data := array.NewData(t, len(f.rows), []*memory.Buffer{nil}, versions, 0, 0)
	for _, v := range versions {
		v.Release()
	}
	defer data.Release()
	return append(out, array.MakeFromData(data)), nil
}

// staleNames lists for each stale sample the containers that differ.
func (c *collected) staleNames() arrow.Array {
	b := array.NewListBuilder(mem, arrow.BinaryTypes.String)
	defer b.Release()
	names := b.ValueBuilder().(*array.StringBuilder)
	n := len(c.e.containers)
	for i := range c.stale.rows {
		b.Append(true)
		for at, differs := range c.diff[i*n : (i+1)*n] {
			if differs {
				names.Append(c.e.containers[at].name)
			}
		}
	}
	return b.NewArray()
}
