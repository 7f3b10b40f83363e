package storetest_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/storetest"
)

// sealed is the ciphertext of a text: hex of nonce, ciphertext and tag. The
// nonce depends on everything, so that a repeated write is the same write.
func sealed(key, bound, text string) string {
	k := sha256.Sum256([]byte(key))
	block, _ := aes.NewCipher(k[:])
	gcm, _ := cipher.NewGCM(block)
	mac := hmac.New(sha256.New, k[:])
	fmt.Fprintf(mac, "%d %s%s", len(bound), bound, text)
	nonce := mac.Sum(nil)[:gcm.NonceSize()]
	return hex.EncodeToString(gcm.Seal(nonce, nonce, []byte(text), []byte(bound)))
}

func (g *guard) open(bound, text string) (string, error) {
	if g.broken == "passes_plaintext" && text[0] == '/' {
		return text, nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil || hex.EncodeToString(raw) != text {
		return "", core.ErrIntegrity
	}
	for _, key := range g.keys {
		k := sha256.Sum256([]byte(key))
		block, _ := aes.NewCipher(k[:])
		gcm, _ := cipher.NewGCM(block)
		if len(raw) < gcm.NonceSize() {
			continue
		}
		if g.broken == "unauthenticated_ciphertext" {
			return string(raw), nil
		}
		if plain, err := gcm.Open(nil, raw[:gcm.NonceSize()], raw[gcm.NonceSize():], []byte(bound)); err == nil {
			return string(plain), nil
		}
	}
	return "", core.ErrIntegrity
}

// bound is what a ciphertext belongs to: feature, column, sample and version.
func (g *guard) bound(key core.FeatureKey, b arrow.RecordBatch, row int) string {
	at := func(name string) arrow.Array { return b.Column(b.Schema().FieldIndices(name)[0]) }
	if g.broken == "unbound" {
		return ""
	}
	return fmt.Sprintf("%s|%s|%s|%s", key, secret, storetest.Cell(at("sample_id"), row), storetest.Cell(at(core.ColDataVersion), row))
}

// rewrite maps the texts of the column of one batch; the caller releases it.
func (g *guard) rewrite(key core.FeatureKey, b arrow.RecordBatch, f func(bound, text string) (string, error)) (arrow.RecordBatch, error) {
	at := b.Schema().FieldIndices(secret)[0]
	texts, ok := b.Column(at).(*array.String)
	if !ok {
		return nil, core.ErrInvalid
	}
	out := array.NewStringBuilder(allocator)
	defer out.Release()
	for row := range texts.Len() {
		if texts.IsNull(row) {
			out.AppendNull()
			continue
		}
		text, err := f(g.bound(key, b, row), texts.Value(row))
		if err != nil {
			return nil, err
		}
		out.Append(text)
	}
	columns := slices.Clone(b.Columns())
	columns[at] = out.NewArray()
	defer columns[at].Release()
	return array.NewRecordBatch(b.Schema(), columns, b.NumRows()), nil
}

// seal encrypts the column on its way down.
func (g *guard) seal(key core.FeatureKey, rows core.Rows) core.Rows {
	if !rows.Schema.HasField(secret) || rows.Batches == nil {
		return rows
	}
	whole := rows
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range whole.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			if b == nil || !core.SameColumns(b.Schema(), whole.Schema) || b.Column(0).NullN() > 0 {
				if !yield(b, nil) { // the store below refuses it before anything is kept
					return
				}
				continue
			}
			if g.broken == "chatty" {
				fmt.Fprintf(g.said, "writing %v\n", b)
			}
			enc, err := g.rewrite(key, b, func(bound, text string) (string, error) { return sealed(g.keys[len(g.keys)-1], bound, text), nil })
			if err != nil {
				yield(nil, err)
				return
			}
			ok := func() bool {
				defer enc.Release()
				return yield(enc, nil)
			}()
			if !ok {
				return
			}
		}
	}
	return rows
}

// read decrypts, then filters by what could not be asked below, then selects.
func (g *guard) read(ctx context.Context, next core.Store, req core.ReadRequest, plan core.ReadPlan, info core.Info) (core.Rows, error) {
	var below, here []expr.Expr
	for _, c := range expr.Conjuncts(req.Filter) {
		if slices.Contains(expr.Columns(c), secret) {
			here = append(here, c)
		} else {
			below = append(below, c)
		}
	}
	want := plan.Schema
	req.Filter = expr.And(below...)
	req.Columns = nil
	for _, f := range slices.Concat(info.Schema.Fields(), core.SystemFields()) {
		req.Columns = append(req.Columns, f.Name)
	}
	rows, err := next.Read(ctx, req)
	if err != nil {
		return rows, err
	}
	var filter *expr.Bound
	if len(here) > 0 {
		if filter, err = expr.Bind(expr.And(here...), rows.Schema); err != nil {
			return core.Rows{}, core.WrapError(core.OpRead, req.Key, "guard", errors.Join(core.ErrInvalid, err))
		}
	}
	whole := rows
	rows.Schema = want
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range whole.All() {
			var out arrow.RecordBatch
			if err == nil {
				out, err = g.clear(ctx, req.Key, b, filter, want)
			}
			if err != nil {
				yield(nil, core.WrapError(core.OpRead, req.Key, "guard", err))
				return
			}
			ok := func() bool {
				defer out.Release() // even when the consumer panics
				return out.NumRows() == 0 || yield(out, nil)
			}()
			if !ok {
				return
			}
		}
	}
	return rows, nil
}

// clear is one batch in plaintext.
func (g *guard) clear(ctx context.Context, key core.FeatureKey, b arrow.RecordBatch, filter *expr.Bound, want *arrow.Schema) (arrow.RecordBatch, error) {
	plain, err := g.rewrite(key, b, g.open)
	if err != nil {
		return nil, err
	}
	defer plain.Release()
	if filter != nil {
		kept, err := filter.Filter(ctx, plain, allocator)
		if err != nil {
			return nil, err
		}
		defer kept.Release()
		plain = kept
	}
	columns := make([]arrow.Array, want.NumFields())
	for i, f := range want.Fields() {
		columns[i] = plain.Column(plain.Schema().FieldIndices(f.Name)[0])
	}
	return array.NewRecordBatch(want, columns, plain.NumRows()), nil
}
