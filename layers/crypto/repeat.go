package crypto

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// fingerprint tells whether two streams hold the same rows in any order. It
// lives in memory and is keyed at random: it is no use to anybody else.
type fingerprint struct {
	seeds [2]maphash.Seed
	sums  [2]uint64
	rows  int64
	buf   []byte
}

func newFingerprint() *fingerprint {
	return &fingerprint{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// like starts anew under the same keys.
func (f *fingerprint) like() *fingerprint { return &fingerprint{seeds: f.seeds} }

func (f *fingerprint) same(g *fingerprint) bool { return f.sums == g.sums && f.rows == g.rows }

// addOf is add for a batch that others may be reading.
func (f *fingerprint) addOf(b arrow.RecordBatch) error {
	own := b.NewSlice(0, b.NumRows())
	defer own.Release()
	return f.add(own)
}

// add adds the rows of a batch: columns by name, "data_version" without the
// containers that a row lacks.
func (f *fingerprint) add(b arrow.RecordBatch) error {
	order := names(b.Schema())
	slices.Sort(order)
	var columns []value
	for _, n := range order {
		if n == core.ColDataVersion {
			continue
		}
		v, err := valueOf(b.Column(b.Schema().FieldIndices(n)[0]))
		if err != nil {
			return err
		}
		columns = append(columns, v)
	}
	rows, err := newRowBinder(b, nil)
	if err != nil {
		return err
	}
	for row := range int(b.NumRows()) {
		f.buf = rows.append(f.buf[:0], row)
		for _, v := range columns {
			if v.null(row) {
				f.buf = append(f.buf, 0)
				continue
			}
			f.buf = appendSized(append(f.buf, 1), row, v.append)
		}
		for i, seed := range f.seeds {
			f.sums[i] += maphash.Bytes(seed, f.buf)
		}
	}
	f.rows += b.NumRows()
	f.buf = binary.AppendUvarint(f.buf[:0], 0)
	return nil
}

// repeated decides about a write whose id the feature has. The store below saw
// other ciphertext, as it is each time; what counts is the plaintext. Without
// time travel below that cannot be looked up, and the conflict stays.
func (s *store) repeated(ctx context.Context, w *writing, conflict error) (core.Commit, error) {
	if !s.below.TimeTravel {
		return core.Commit{}, conflict
	}
	info, err := s.Stat(ctx, core.StatRequest{Key: w.req.Key(), Local: true, Commits: -1})
	if err != nil {
		return core.Commit{}, reissue(core.OpWrite, w.req.Key(), err)
	}
	at := slices.IndexFunc(info.Log, func(c core.Commit) bool { return c.ID == w.req.ID })
	if at < 0 || info.Log[at].Tombstones {
		return core.Commit{}, conflict
	}
	conflict = core.WrapError(core.OpWrite, w.req.Key(), name, core.ErrConflict)
	now := w.print
	if now == nil {
		now = newFingerprint()
		for b, err := range w.req.Rows.All() {
			if err == nil {
				err = now.addOf(b)
			}
			if err != nil {
				return core.Commit{}, core.WrapError(core.OpWrite, w.req.Key(), name, err)
			}
		}
	} else if !w.whole {
		return core.Commit{}, conflict
	}
	then, err := s.printOf(ctx, w, info.Log[at], now)
	if err != nil {
		return core.Commit{}, err
	}
	if !then.same(now) || then.rows != info.Log[at].Rows {
		return core.Commit{}, conflict
	}
	return info.Log[at], nil
}

// printOf reads what a commit wrote.
func (s *store) printOf(ctx context.Context, w *writing, c core.Commit, like *fingerprint) (*fingerprint, error) {
	then := like.like()
	rows, err := s.Read(ctx, core.ReadRequest{
		Key: w.req.Key(), AsOf: core.AtCommit(c.Seq), History: true, Local: true,
		Columns: names(w.req.Rows.Schema), Filter: expr.Col(core.ColCommit).Eq(c.Seq),
	})
	if errors.Is(err, core.ErrInvalid) { // it has no such columns
		return like.like(), nil
	}
	if err != nil {
		return nil, reissue(core.OpWrite, w.req.Key(), err)
	}
	for b, err := range rows.All() {
		if err == nil {
			err = then.addOf(b)
		}
		if err != nil {
			return nil, reissue(core.OpWrite, w.req.Key(), err)
		}
	}
	return then, nil
}
