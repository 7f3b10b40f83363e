//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// insert streams pieces into the feature's table while the caller's source goes on.
type insert struct {
	w      *writer
	mem    memory.Allocator
	ctx    context.Context
	cancel context.CancelFunc
	in     *inlet
	types  []arrow.DataType // of the table's columns as DuckDB takes them
	done   chan error       // one value when the statement has ended
	ended  bool
	err    error
}

// begin starts the statement. Everything in the registered view must be inserted as it is: DuckDB believes that a view over a stream does
// projections and filters, and it does neither.
func (w *writer) begin() *insert {
	ins := &insert{w: w, mem: memory.DefaultAllocator, done: make(chan error, 1)}
	ins.ctx, ins.cancel = context.WithCancel(w.ctx)
	fields := []arrow.Field{
		{Name: core.ColCommit, Type: arrow.PrimitiveTypes.Int64},
		{Name: colUntil, Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: core.ColDeleted, Type: arrow.FixedWidthTypes.Boolean},
		{Name: colZeros, Type: arrow.BinaryTypes.Binary, Nullable: true},
	}
	for i, f := range w.m.schema.Fields() {
		k, _ := keep(f.Type) // accepted before
		ins.types = append(ins.types, k.typ)
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: w.passes(i, k.typ), Nullable: true})
	}
	ins.in = newInlet(ins.ctx, arrow.NewSchema(fields, nil))
	view := fmt.Sprint("metaxy_rows_", views.Add(1))
	go func() { ins.done <- ins.exec(view) }()
	return ins
}

// passes is the type in which column i of the feature comes: DuckDB reads large strings and lists as they are.
func (w *writer) passes(i int, t arrow.DataType) arrow.DataType {
	if at := w.from[i]; at >= 0 {
		switch came := w.req.Rows.Schema.Field(at).Type; came.ID() {
		case arrow.LARGE_STRING, arrow.LARGE_BINARY:
			return came
		}
	}
	return t
}

func (ins *insert) exec(view string) error {
	release, err := ins.w.c.arrow.RegisterView(ins.in, view)
	if err != nil {
		return translate(err)
	}
	defer release()
	if _, err := ins.w.c.exec(ins.ctx, "INSERT INTO "+ins.w.m.table()+" SELECT * FROM "+view); err != nil {
		return err
	}
	// The driver makes a view that would outlive the transaction.
	_, err = ins.w.c.exec(ins.ctx, "DROP VIEW "+view)
	return err
}

// add arranges a piece as the table has it, and takes it over.
func (ins *insert) add(p *piece, from []int) error {
	defer p.release()
	batch, err := ins.arrange(p, from)
	if err != nil {
		return err
	}
	select {
	case ins.in.feed <- batch:
		return nil
	case err := <-ins.done:
		batch.Release()
		ins.ended, ins.err = true, err
		if err == nil {
			err = fmt.Errorf("%w: DuckDB stopped reading the rows", core.ErrUnavailable)
		}
		return err
	case <-ins.ctx.Done():
		batch.Release()
		return ins.ctx.Err()
	}
}

func (ins *insert) arrange(p *piece, from []int) (arrow.RecordBatch, error) {
	w, n := ins.w, int(p.rows)
	columns := make([]arrow.Array, 0, len(from)+countOurs)
	defer func() { releaseAll(columns) }()
	columns = append(columns, repeat(ins.mem, n, w.seq), array.MakeArrayOfNull(ins.mem, arrow.PrimitiveTypes.Int64, n),
		repeatBool(ins.mem, n, w.req.Tombstones), ins.zeros(p, from))
	for i, at := range from {
		f := w.m.schema.Field(i)
		switch {
		case at < 0:
			columns = append(columns, array.MakeArrayOfNull(ins.mem, ins.types[i], n))
		case f.Name == core.ColDataVersion:
			columns = append(columns, ins.widen(p.columns[at].(*array.Struct), f.Type.(*arrow.StructType)))
		default:
			p.columns[at].Retain()
			columns = append(columns, p.columns[at])
		}
	}
	return array.NewRecordBatch(ins.in.schema, columns, p.rows), nil
}

// zeros is the column that says where negative zeros are.
func (ins *insert) zeros(p *piece, from []int) arrow.Array {
	floats := make([]arrow.Array, len(from))
	some := false
	for i, at := range from {
		if at >= 0 && hasFloats(p.columns[at].DataType()) {
			floats[i], some = p.columns[at], true
		}
	}
	if some {
		if zeros := findZeros(ins.mem, floats, int(p.rows)); zeros != nil {
			ins.w.zeros = true
			return zeros
		}
	}
	return array.MakeArrayOfNull(ins.mem, arrow.BinaryTypes.Binary, int(p.rows))
}

// widen puts the containers in their places; those that the rows lack are null.
func (ins *insert) widen(a *array.Struct, t *arrow.StructType) arrow.Array {
	children := make([]arrow.Array, t.NumFields())
	defer func() { releaseAll(children) }()
	for i, f := range t.Fields() {
		if at, ok := a.DataType().(*arrow.StructType).FieldIdx(f.Name); ok {
			a.Field(at).Retain()
			children[i] = a.Field(at)
		} else {
			children[i] = array.MakeArrayOfNull(ins.mem, arrow.BinaryTypes.String, a.Len())
		}
	}
	k, _ := keepStruct(t)
	return makeStruct(k.typ.(*arrow.StructType), a.Len(), nil, 0, children)
}

// wait ends the stream and gives the statement's error.
func (ins *insert) wait() error {
	close(ins.in.feed)
	if !ins.ended {
		ins.ended, ins.err = true, <-ins.done
	}
	return ins.err
}

// stop ends the statement, if it has not ended yet.
func (ins *insert) stop() {
	ins.cancel()
	if !ins.ended {
		ins.ended, ins.err = true, <-ins.done
	}
	for {
		select {
		case b, ok := <-ins.in.feed:
			if !ok {
				return
			}
			b.Release()
			continue
		default:
		}
		return
	}
}

func repeat(mem memory.Allocator, n int, v int64) arrow.Array {
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}

func repeatBool(mem memory.Allocator, n int, v bool) arrow.Array {
	b := array.NewBooleanBuilder(mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(v)
	}
	return b.NewArray()
}

// finish checks for duplicates, supersedes, logs and commits.
func (w *writer) finish() (core.Commit, error) {
	if err := w.insert.wait(); err != nil {
		return core.Commit{}, err
	}
	if w.duplicates() {
		if err := w.findDuplicate(); err != nil {
			return core.Commit{}, err
		}
	}
	ended, endedLive, err := w.supersede()
	if err != nil {
		return core.Commit{}, err
	}
	m := w.m
	commit := core.Commit{
		Seq: w.seq, ID: w.req.ID, Rows: w.rows, Bytes: w.bytes, Time: w.s.now().UTC().Truncate(time.Microsecond),
		FeatureVersion: w.req.Plan.Version, Tombstones: w.req.Tombstones, Basis: w.req.Basis.Clone(),
	}
	if commit.Time.Before(m.modified) {
		commit.Time = m.modified
	}
	live, dead := w.rows, int64(0)
	if w.req.Tombstones {
		live, dead = 0, w.rows
	}
	_, err = w.c.exec(w.ctx, `UPDATE metaxy.features SET feature_version = ?1, live = ?2, total = ?3, tombstones = ?4, superseded = ?5, bytes = ?6,
		escapes = ?7, zeros = ?8, created = coalesce(created, ?9::TIMESTAMP), modified = ?9::TIMESTAMP WHERE key = ?10`,
		commit.FeatureVersion, m.live+live-endedLive, m.total+w.rows, m.tombstones+dead, m.superseded+ended, m.bytes+w.bytes,
		m.escapes || w.escapes, m.zeros || w.zeros, commit.Time, string(m.key))
	if err != nil {
		return core.Commit{}, err
	}
	var basis any
	if commit.Basis != nil {
		basis = encodeJSON(commit.Basis)
	}
	_, err = w.c.exec(w.ctx, `INSERT INTO metaxy.commits (key, seq, id, fingerprint, rows, bytes, time, feature_version, tombstones, basis)
		VALUES (?, ?, ?, ?, ?, ?, ?::TIMESTAMP, ?, ?, ?)`,
		string(m.key), commit.Seq, commit.ID, w.sum(), commit.Rows, commit.Bytes, commit.Time, commit.FeatureVersion, commit.Tombstones, basis)
	if err != nil {
		return core.Commit{}, err
	}
	return commit, w.c.commit(w.ctx)
}

// idColumns are the quoted id columns of the table.
func (m *meta) idColumns() []string {
	out := make([]string, len(m.id))
	for i, id := range m.id {
		out[i] = dialect.Ident(m.columns[m.field(id)])
	}
	return out
}

// findDuplicate looks for the first repeated id, since equal hashes do not prove one.
func (w *writer) findDuplicate() error {
	ids := strings.Join(w.m.idColumns(), ", ")
	rows, err := w.c.rows(w.ctx, fmt.Sprintf(`SELECT min(n), (list(n ORDER BY n))[2] FROM (
		SELECT %s, row_number() OVER () - 1 AS n FROM %s WHERE metaxy_commit = %d) GROUP BY %s HAVING count(*) > 1 ORDER BY 2 LIMIT 1`,
		ids, w.m.table(), w.seq, ids))
	if err != nil || len(rows) == 0 {
		return err
	}
	var first, again int64
	if err := scan(rows[0], &first, &again); err != nil {
		return err
	}
	return core.DuplicateError(first, again)
}

// supersede ends the rows that the new ones replace. It gives their number, and how many of them were no tombstones.
func (w *writer) supersede() (ended, live int64, err error) {
	m := w.m
	if m.total == m.superseded || w.rows == 0 {
		return 0, 0, nil
	}
	conditions := make([]string, len(m.id))
	for i, id := range m.idColumns() {
		conditions[i] = "t." + id + " = n." + id
	}
	ended, err = w.c.exec(w.ctx, fmt.Sprintf(
		"UPDATE %[1]s AS t SET metaxy_until = %[2]d FROM (SELECT %[3]s FROM %[1]s WHERE metaxy_commit = %[2]d) AS n WHERE %[4]s AND t.metaxy_until IS NULL AND t.metaxy_commit < %[2]d",
		m.table(), w.seq, strings.Join(m.idColumns(), ", "), strings.Join(conditions, " AND ")))
	if err != nil || ended == 0 || m.tombstones == 0 {
		return ended, ended, err
	}
	rows, err := w.c.rows(w.ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE metaxy_until = %d AND metaxy_deleted", m.table(), w.seq))
	if err != nil {
		return 0, 0, err
	}
	var dead int64
	err = scan(rows[0], &dead)
	return ended, ended - dead, err
}
