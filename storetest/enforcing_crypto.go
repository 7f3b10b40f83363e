package storetest

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// canary is a value that must not be seen where it does not belong.
const canary = "CANARY-7f3a9c51e0d24b86"

// z5 writes the canary to a protected column, provokes errors around it, and
// looks for it below, in what the layer logged, and in every error.
func (z *enforcingRun) z5(e *env) {
	s, tap, _ := z.guarded(e, TapRows())
	column := "path"
	switch {
	case z.cfg.Crypto != nil:
		column = z.cfg.Crypto.Column
	case len(z.cfg.Protected) > 0:
		column = z.cfg.Protected[0]
	}
	at := VideoSchema().FieldIndices(column)[0]
	marked := core.WriteRequest{Plan: plan(KeyVideo), ID: "marked", Rows: e.rows(VideoSchema(), setCell(video("marked", 1), at, canary))}
	e.write(s, marked)
	other := core.WriteRequest{Plan: plan(KeyVideo), ID: "marked", Rows: e.rows(VideoSchema(), setCell(video("marked", 2), at, canary+"2"))}
	twice := core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), setCell(video("m", 2), at, canary), setCell(video("m", 2), at, canary))}
	bad := e.rows(VideoSchema(), setCell(setCell(video("m", 2), at, canary), 6, nil))
	var errs []error
	for _, role := range append([]string{z.cfg.Admin}, z.cfg.Roles...) {
		ctx := e.ctx()
		if z.cfg.As != nil {
			ctx = z.cfg.role(e, role)
		}
		_, err1 := s.Write(ctx, other)
		_, err2 := s.Write(ctx, twice)
		_, err3 := s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: bad})
		errs = append(errs, err1, err2, err3)
		for _, f := range []expr.Expr{
			expr.Col(column).Eq(canary), expr.Col("size").Eq(canary), expr.And(expr.Col("nope").Eq(canary), expr.True()), expr.Col(column).HasPrefix(canary),
		} {
			rows, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Filter: f})
			if err == nil {
				_, err = rows.Count()
			}
			errs = append(errs, err)
		}
		_, err4 := s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyCrop), Columns: []string{column}})
		errs = append(errs, err4)
	}
	if z.cfg.Crypto != nil {
		for _, c := range tap.Contains(canary) {
			e.Errorf("the canary was seen below, in %s", c.Op)
		}
	}
	for _, err := range errs {
		if strings.Contains(errorText(err), canary) {
			e.Errorf("the canary is in an error: %v", err)
		}
	}
	if z.cfg.Logs != nil && strings.Contains(z.cfg.Logs(), canary) {
		e.Error("the canary is in the layer's logs, metrics or audit")
	}
	// It is not lost: who may, reads it.
	if got := e.read(s, core.ReadRequest{Key: KeyVideo, Columns: []string{column}, Filter: mustParse(`sample_id = 'marked'`)}); len(got) != 1 || !strings.Contains(got[0], canary) {
		e.Errorf("who may read the canary gets %v", got)
	}
}

// stored is what lies below a crypto layer: the rows as columns of Go values.
func (z *enforcingRun) stored(e *env, inner core.Store, key core.FeatureKey) (*arrow.Schema, [][]any) {
	e.Helper()
	rows, err := inner.Read(e.Context(), core.ReadRequest{Key: key})
	e.must("read below", err)
	var out [][]any
	for b, err := range rows.All() {
		e.must("read below", err)
		for row := range int(b.NumRows()) {
			values := make([]any, b.NumCols())
			for i, c := range b.Columns() {
				values[i] = goValue(c, row)
			}
			out = append(out, values)
		}
	}
	return rows.Schema, out
}

// goValue is the value as Batch takes it, for the types of VideoSchema and
// the binary that replaces them.
func goValue(a arrow.Array, row int) any {
	if a.IsNull(row) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(row)
	case *array.Binary:
		return append([]byte{}, a.Value(row)...)
	case *array.Int64:
		return a.Value(row)
	case *array.Float64:
		return a.Value(row)
	case *array.Boolean:
		return a.Value(row)
	case *array.Timestamp:
		return a.Value(row).ToTime(a.DataType().(*arrow.TimestampType).Unit)
	case *array.Struct:
		var out []any
		for i := range a.NumField() {
			out = append(out, goValue(a.Field(i), row))
		}
		return out
	}
	panic(fmt.Sprintf("storetest: no Go value of %s", a.DataType()))
}

// tampered writes rows below, as somebody with access to storage would, and
// reads them through the layer.
func (z *enforcingRun) tampered(e *env, what string, key core.FeatureKey, schema *arrow.Schema, rows [][]any) {
	e.Helper()
	inner := z.l.cfg.New(e.tb())
	defer func() { _ = inner.Close() }()
	if err := writeBatch(e, inner, core.WriteRequest{Plan: planLike(key)}, schema, rows); err != nil {
		e.Fatalf("%s: write below: %v", what, err)
	}
	s := z.l.wrap(e.tb(), inner)
	defer func() { _ = s.Close() }()
	z.refused(e, what, s, key)
}

// refused: a read of the encrypted column must be ErrIntegrity.
func (z *enforcingRun) refused(e *env, what string, s core.Store, key core.FeatureKey) {
	e.Helper()
	rows, err := s.Read(e.ctx(), core.ReadRequest{Key: key, Columns: []string{"sample_id", z.cfg.Crypto.Column}})
	if err == nil {
		_, err = rows.Count()
	}
	if sentinelOf(err) != core.ErrIntegrity.Error() {
		e.Errorf("%s: %v, want ErrIntegrity", what, err)
	}
}

// otherVideos is a feature with the columns and containers of video/raw.
const otherVideos core.FeatureKey = "video/other"

func planLike(key core.FeatureKey) *core.Plan {
	g, err := core.NewGraph(core.NewFeature(string(key), core.Container("frames"), core.Container("audio")))
	if err != nil {
		panic(fmt.Sprintf("storetest: %v", err))
	}
	return planIn(g, key)
}

func (z *enforcingRun) z6(e *env) {
	inner := z.l.inner(e.tb())
	s := z.l.wrap(e.tb(), inner)
	defer func() { _ = s.Close() }()
	e.writeVideos(s, video("a", 1), video("b", 2))
	schema, rows := z.stored(e, inner, KeyVideo)
	at := schema.FieldIndices(z.cfg.Crypto.Column)[0]
	clone := func() [][]any {
		return [][]any{append([]any{}, rows[0]...), append([]any{}, rows[1]...)}
	}
	moved := clone()
	moved[0][at], moved[1][at] = moved[1][at], moved[0][at]
	z.tampered(e, "ciphertexts exchanged between two rows", KeyVideo, schema, moved)
	moved = clone()
	moved[0][at] = moved[1][at]
	z.tampered(e, "a ciphertext copied to another row", KeyVideo, schema, moved)
	moved = clone()
	moved[0][0] = "c"
	z.tampered(e, "a row given another id", KeyVideo, schema, moved)
	z.tampered(e, "rows moved to another feature", otherVideos, schema, rows)
	e.writeVideos(s, setCell(video("a", 9), 1, "/data/new.mp4"))
	_, now := z.stored(e, inner, KeyVideo)
	for i, r := range now {
		if r[0] == "a" {
			now[i][at] = rows[idIndex(rows, "a")][at]
		}
	}
	z.tampered(e, "a ciphertext rolled back to an older version of its row", KeyVideo, schema, now)
}

func idIndex(rows [][]any, id string) int {
	for i, r := range rows {
		if r[0] == id {
			return i
		}
	}
	panic("storetest: no row " + id)
}
