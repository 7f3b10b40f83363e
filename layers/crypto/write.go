package crypto

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// Write encrypts the protected columns on their way down. Tombstones hold ids
// alone and pass.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.enter(ctx, core.OpWrite, req.Key(), req.Check); err != nil {
		return core.Commit{}, err
	}
	if req.Tombstones {
		return s.next.Write(ctx, req)
	}
	w, err := s.planWrite(ctx, req)
	if err != nil {
		return core.Commit{}, core.WrapError(core.OpWrite, req.Key(), name, err)
	}
	if w.refused != nil {
		return s.repeated(ctx, w, core.WrapError(core.OpWrite, req.Key(), name, w.refused))
	}
	if len(w.columns) == 0 {
		return s.next.Write(ctx, req)
	}
	below := req
	below.Rows = w.rows(ctx)
	commit, err := s.next.Write(ctx, below)
	if req.ID != "" && errors.Is(err, core.ErrConflict) {
		return s.repeated(ctx, w, err)
	}
	return commit, err
}

// writing is one write.
type writing struct {
	req     core.WriteRequest
	columns []*column
	ring    *keys.Ring
	sealers []*sealer
	schema  *arrow.Schema // as stored
	print   *fingerprint  // of what passed, where the source cannot be read again
	whole   bool          // the source was read to its end
	refused error         // the rows do not fit the feature now; they may repeat a write of before
}

// planWrite decides how the rows are stored. What the feature was first written
// with decides; the rules decide about what is new.
func (s *store) planWrite(ctx context.Context, req core.WriteRequest) (*writing, error) {
	w := &writing{req: req}
	for _, f := range req.Rows.Schema.Fields() {
		if isCompanion(f.Name) {
			return nil, invalidf("column %q: names that begin with %q belong to the crypto layer", f.Name, companionPrefix)
		}
	}
	v, err := s.stat(ctx, core.OpWrite, core.StatRequest{Key: req.Key(), Local: true})
	switch {
	case errors.Is(err, core.ErrFeatureNotFound):
		w.columns, err = s.options.protect(req.Key(), req.Plan.Feature.ID, req.Rows.Schema.Fields(), nil, false)
	case err == nil:
		w.columns = v.columns
		if err = v.accepts(); err == nil && len(v.columns) > 0 {
			if _, err = core.MatchSchema(v.info.Schema, req.Rows.Schema); err != nil && req.ID != "" {
				w.refused = err
				return w, nil
			}
		}
	}
	if err != nil || len(w.columns) == 0 {
		return w, err
	}
	if w.ring, err = s.ring(ctx); err != nil {
		return nil, err
	}
	for _, c := range w.columns {
		if v.info.Schema == nil {
			err = c.sign(w.ring, req.Key())
		} else {
			err = c.trust(w.ring, req.Key())
		}
		if err != nil {
			return nil, err
		}
	}
	var fields []arrow.Field
	for _, f := range req.Rows.Schema.Fields() {
		fields = append(fields, sealedField(f, w.columns))
	}
	for _, c := range w.columns {
		fields = append(fields, companionField(c.companion))
		w.sealers = append(w.sealers, newSealer(c, w.ring, w.ring.Primary(), req.Key()))
	}
	meta := req.Rows.Schema.Metadata()
	w.schema = arrow.NewSchema(fields, &meta)
	if req.ID != "" && !req.Rows.Replayable {
		w.print = newFingerprint()
	}
	return w, nil
}

// ring asks for the keys. What is wrong with them is never the caller's fault.
func (s *store) ring(ctx context.Context) (*keys.Ring, error) {
	ring, err := s.keys.Ring(ctx)
	if err == nil && ring == nil {
		err = core.ErrUnavailable
	}
	return ring, unavailable(ctx, err)
}

// accepts reports rules that changed since the feature was first written.
func (v *view) accepts() error {
	if len(v.bare) > 0 {
		return integrityf("column %q is to be protected and is stored in the clear: write the feature anew", v.bare[0])
	}
	if len(v.columns) == 0 {
		return nil
	}
	for _, c := range v.columns {
		if c.rule != nil && !c.rule.fits(c.mark) {
			return invalidf("column %q was first written under another mode than the options say: a feature keeps its modes", c.name())
		}
	}
	return nil
}

// rows encrypts the source batch by batch. They can be read once: a second time
// the same values would be other ciphertext.
func (w *writing) rows(ctx context.Context) core.Rows {
	return core.Rows{Schema: w.schema, Batches: core.Once(func(yield func(arrow.RecordBatch, error) bool) {
		check := core.NewRowChecker(w.req, false)
		for b, err := range w.req.Rows.All() {
			if err == nil {
				err = check.Add(b)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && w.print != nil {
				err = w.print.addOf(b)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !w.sealAll(ctx, b, yield) {
				return
			}
		}
		w.whole = true
	})}
}

// sealAll encrypts a batch in pieces that fit.
func (w *writing) sealAll(ctx context.Context, b arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) bool {
	pieces := pieces(b, func(piece arrow.RecordBatch) (arrow.RecordBatch, error) { return w.seal(ctx, piece) })
	for out, err := range pieces {
		if err != nil {
			yield(nil, core.WrapError(core.OpWrite, w.req.Key(), name, err))
			return false
		}
		if !yield(out, nil) {
			return false
		}
	}
	return true
}

// seal encrypts one batch.
func (w *writing) seal(ctx context.Context, b arrow.RecordBatch) (arrow.RecordBatch, error) {
	rows, err := newRowBinder(b, w.req.Plan.Feature.ID)
	if err != nil {
		return nil, err
	}
	columns := slices.Clone(b.Columns())
	var made []arrow.Array
	defer func() {
		for _, a := range made {
			a.Release()
		}
	}()
	for _, s := range w.sealers {
		at := b.Schema().FieldIndices(s.path[0])[0]
		cell, companion, err := w.sealColumn(ctx, s, columns[at], w.schema.Field(at).Type, b, rows)
		if err != nil {
			return nil, err
		}
		made = append(made, cell, companion)
		columns[at] = cell
		columns = append(columns, companion)
	}
	return array.NewRecordBatch(w.schema, columns, b.NumRows()), nil
}

func (w *writing) sealColumn(ctx context.Context, s *sealer, arr arrow.Array, stored arrow.DataType, b arrow.RecordBatch, rows *rowBinder) (cell, companion arrow.Array, err error) {
	who, err := loadSubjects(ctx, w.ring, s.column, b, true)
	if err != nil {
		return nil, nil, err
	}
	inner, err := at(arr, s.path[1:])
	if err != nil {
		return nil, nil, err
	}
	defer inner.Release()
	v, err := valueOf(inner)
	if err != nil {
		return nil, nil, err
	}
	type part struct{ cell, companion *cells }
	parts, err := spread(ctx, int(b.NumRows()), func(lo, hi int) (part, error) {
		c, m, err := s.seal(v, rows, who, lo, hi)
		return part{c, m}, err
	})
	if err != nil {
		return nil, nil, err
	}
	var first, second []*cells
	for _, p := range parts {
		first, second = append(first, p.cell), append(second, p.companion)
	}
	sealed, err := join(arrow.BinaryTypes.Binary, first)
	if err != nil {
		return nil, nil, err
	}
	defer sealed.Release()
	if cell, err = put(arr, s.path[1:], sealed, stored); err != nil {
		return nil, nil, err
	}
	if companion, err = join(arrow.BinaryTypes.Binary, second); err != nil {
		cell.Release()
	}
	return cell, companion, err
}
