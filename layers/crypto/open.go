package crypto

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// opener decrypts one column. It keeps the ciphers of the keys that it met.
type opener struct {
	*column
	ring    *keys.Ring
	feature core.FeatureKey
}

// keyed is what a value says of its key.
type keyed struct {
	purpose   string
	algorithm keys.Algorithm
	key       uint32
	lot       uint64
}

// opened is what a value that names a key is opened with.
type opened struct {
	keyed
	cipher keys.Cipher // nil: one a subject
	head   []byte
}

// lens decrypts rows lo to hi of a column on one goroutine.
type lens struct {
	*opener
	met      map[keyed]*opened
	last     [2]*opened // of cells and of seals
	ad       []byte
	repeated map[string][]byte // plaintexts of deterministic values; nil: none
}

// parse takes the head off a stored value.
func parse(cell []byte) (a keys.Algorithm, key uint32, lot uint64, sealed []byte, err error) {
	if len(cell) < cellHead+keyName || !keys.Algorithm(cell[1]).Valid() {
		return 0, 0, 0, nil, ErrNotCiphertext
	}
	a = keys.Algorithm(cell[1])
	switch {
	case cell[0] == cellVersion:
		sealed = cell[cellHead:]
	case cell[0] == cellVersionLot && a.Lots() && len(cell) >= cellHeadLot+keyName:
		lot, sealed = binary.BigEndian.Uint64(cell[cellHead:]), cell[cellHeadLot:]
	}
	if len(sealed) == 0 || sealed[0] != 1 || (lot == 0) != (cell[0] == cellVersion) {
		return 0, 0, 0, nil, ErrNotCiphertext
	}
	return a, binary.BigEndian.Uint32(sealed[1:]), lot, sealed, nil
}

// with finds what opens values that name a key.
func (l *lens) with(k keyed) (*opened, error) {
	at := 0
	if k.purpose == purposeRow {
		at = 1
	}
	if last := l.last[at]; last != nil && last.keyed == k {
		return last, nil
	}
	o, ok := l.met[k]
	if !ok {
		o = &opened{keyed: k}
		if k.purpose == purposeRow || l.subject == "" {
			var err error
			scope := keys.Scope{Purpose: k.purpose, Feature: string(l.feature), Column: l.bound, Lot: k.lot}
			if o.cipher, err = l.ring.Cipher(k.algorithm, k.key, scope); err != nil {
				return nil, err
			}
		}
		o.head = newHead(k.purpose, k.algorithm, k.key, k.lot, l.feature, l.bound)
		if l.met == nil || len(l.met) >= mostRepeated {
			l.met = map[keyed]*opened{}
		}
		l.met[k] = o
	}
	l.last[at] = o
	return o, nil
}

// open decrypts one stored value; nil is null.
func (l *lens) open(cell []byte, rows *rowBinder, who *subjectColumn, seal func(row int) []byte, row int) ([]byte, error) {
	a, key, lot, sealed, err := parse(cell)
	if err != nil {
		return nil, err
	}
	if (a == keys.AES256SIV) != (l.mode == modeDeterministic) {
		return nil, ErrNotCiphertext
	}
	met, err := l.with(keyed{purposeCell, a, key, lot})
	if err != nil {
		return nil, err
	}
	cipher := met.cipher
	if cipher == nil {
		secret, err := who.secret(row)
		if errors.Is(err, keys.ErrShredded) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if lot != 0 {
			return nil, ErrNotCiphertext
		}
		if cipher, err = l.ring.Cipher(a, key, cellScope(l.feature, l.column, secret)); err != nil {
			return nil, err
		}
	}
	l.ad = append(l.ad[:0], met.head...)
	if l.mode == modeRandom {
		l.ad = rows.append(l.ad, row)
	}
	plain, known := l.repeated[string(cell)]
	if !known {
		if plain, err = cipher.Decrypt(sealed, l.ad); err != nil {
			return nil, ErrTampered
		}
		if l.repeated != nil && len(l.repeated) < mostRepeated {
			l.repeated[string(cell)] = plain
		}
	}
	if l.hasSeal() {
		if err := l.verify(seal(row), cell, rows, row); err != nil {
			return nil, err
		}
	}
	return l.untag(plain)
}

// verify checks that a deterministic value belongs to its row.
func (l *lens) verify(seal, cell []byte, rows *rowBinder, row int) error {
	a, key, lot, sealed, err := parse(seal)
	if err != nil || a != keys.AES256GCM {
		return ErrNotCiphertext
	}
	met, err := l.with(keyed{purposeRow, a, key, lot})
	if err != nil {
		return err
	}
	l.ad = appendPart(rows.append(append(l.ad[:0], met.head...), row), cell)
	if _, err := met.cipher.Decrypt(sealed, l.ad); err != nil {
		return ErrTampered
	}
	return nil
}

// untag takes the type off a plaintext. A value of a narrower type than the
// column has by now is widened.
func (l *lens) untag(plain []byte) ([]byte, error) {
	if len(plain) == 1 && plain[0] == 0 && l.hideNulls() {
		return nil, nil
	}
	if len(plain) >= len(l.tag) && slices.Equal(plain[:len(l.tag)], l.tag) {
		return plain[len(l.tag):], nil
	}
	if len(plain) > 0 && len(l.tag) == 1 {
		from := plainType(kind(plain[0]))
		if from != nil && core.Widens(from, l.typ) {
			return widen(from, l.typ, plain[1:])
		}
	}
	return nil, errMalformed
}

// openRows decrypts rows lo to hi: canonical bytes. first is the
// number of the batch's first row.
func (o *opener) openRows(arr *array.Binary, seals *array.Binary, rows *rowBinder, who *subjectColumn, first int64, lo, hi int) (*cells, error) {
	l := lens{opener: o, ad: make([]byte, 0, 512)}
	if o.mode == modeDeterministic {
		l.repeated = map[string][]byte{}
	}
	seal := func(row int) []byte {
		if seals.IsNull(row) {
			return nil
		}
		return seals.Value(row)
	}
	out := newCells(hi - lo)
	if hi > lo {
		out.data = make([]byte, 0, len(arr.ValueBytes())*(hi-lo)/arr.Len())
	}
	for row := lo; row < hi; row++ {
		var plain []byte
		var err error
		switch {
		case arr.IsValid(row) && rows.tombstone(row):
			err = ErrNotCiphertext
		case arr.IsValid(row):
			plain, err = l.open(arr.Value(row), rows, who, seal, row)
		case o.hideNulls() && !o.late() && len(o.path) == 1 && !rows.tombstone(row):
			err = ErrNotCiphertext // nulls are encrypted too, so this one was put here
		}
		if err != nil {
			return nil, &ValueError{Column: o.name(), Row: first + int64(row) + 1, Err: err}
		}
		out.data = append(out.data, plain...)
		out.end(plain != nil)
	}
	return out, nil
}

// open gives the plaintext of one column of a batch. The caller releases it.
func (o *opener) open(ctx context.Context, b arrow.RecordBatch, rows *rowBinder, first int64) (arrow.Array, error) {
	whole, err := named(b, o.path[0])
	if err != nil {
		return nil, err
	}
	inner, err := at(whole, o.path[1:])
	if err != nil {
		return nil, err
	}
	defer inner.Release()
	sealed, ok := inner.(*array.Binary)
	if !ok {
		return nil, integrityf("the protected column %q is %s, not binary", o.name(), inner.DataType())
	}
	var seals *array.Binary
	if o.hasSeal() {
		arr, err := named(b, o.companion)
		if err != nil {
			return nil, err
		}
		if seals, ok = arr.(*array.Binary); !ok {
			return nil, integrityf("the companion of column %q is %s, not binary", o.name(), arr.DataType())
		}
	}
	who, err := loadSubjects(ctx, o.ring, o.column, b, false)
	if err != nil {
		return nil, err
	}
	parts, err := spread(ctx, sealed.Len(), func(lo, hi int) (*cells, error) {
		return o.openRows(sealed, seals, rows, who, first, lo, hi)
	})
	if err != nil {
		return nil, err
	}
	return build(o.typ, parts)
}

func named(b arrow.RecordBatch, column string) (arrow.Array, error) {
	at := b.Schema().FieldIndices(column)
	if len(at) != 1 {
		return nil, integrityf("the store below left out a column that was asked for")
	}
	return b.Column(at[0]), nil
}
