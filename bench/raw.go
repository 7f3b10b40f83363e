package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"
)

// raw is the plainest loop that encrypts a column as the layer does: a random
// nonce for each value, and as associated data where the value stands, the
// sample's id and its data version.
type raw struct {
	gcm    cipher.AEAD
	head   []byte
	sealed [][][]byte // by batch and row: nonce and ciphertext
}

func newRaw() (*raw, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	r := &raw{gcm: gcm}
	for _, part := range []string{"metaxy/crypto", "cell", string(cryptoKey), "c0"} {
		r.head = part4(r.head, part)
	}
	r.head = append(r.head, 1, 1, 0, 0, 0, 7)
	return r, nil
}

func part4(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

// binder appends the associated data of a row.
func (r *raw) binder(b arrow.RecordBatch) (func(dst []byte, row int) []byte, *array.String) {
	ids, text := b.Column(0).(*array.String), b.Column(1).(*array.String)
	versions := b.Column(2).(*array.Struct).Field(0).(*array.String)
	return func(dst []byte, row int) []byte {
		dst = part4(append(dst[:0], r.head...), ids.Value(row))
		return part4(part4(dst, "content"), versions.Value(row))
	}, text
}

// each runs f over parts of every batch on so many goroutines.
func each(batches []arrow.RecordBatch, parts int, f func(at int, b arrow.RecordBatch, lo, hi int) error) error {
	for at, b := range batches {
		var g errgroup.Group
		n := int(b.NumRows())
		for i := range parts {
			g.Go(func() error { return f(at, b, n*i/parts, n*(i+1)/parts) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (r *raw) seal(batches []arrow.RecordBatch, parts int) error {
	r.sealed = make([][][]byte, len(batches))
	for at, b := range batches {
		r.sealed[at] = make([][]byte, b.NumRows())
	}
	return each(batches, parts, func(at int, b arrow.RecordBatch, lo, hi int) error {
		bind, text := r.binder(b)
		var ad []byte
		plain := make([]byte, 0, 64)
		for row := lo; row < hi; row++ {
			ad = bind(ad, row)
			out := make([]byte, 12, 12+60+16)
			if _, err := rand.Read(out); err != nil {
				return err
			}
			plain = append(plain[:0], text.Value(row)...)
			r.sealed[at][row] = r.gcm.Seal(out, out, plain, ad)
		}
		return nil
	})
}

func (r *raw) open(batches []arrow.RecordBatch, parts int) error {
	return each(batches, parts, func(at int, b arrow.RecordBatch, lo, hi int) error {
		bind, _ := r.binder(b)
		var ad []byte
		// What a column is made of, which is the layer's result too.
		texts, offsets := make([]byte, 0, 60*(hi-lo)), make([]int32, hi-lo)
		for row := lo; row < hi; row++ {
			ad = bind(ad, row)
			sealed := r.sealed[at][row]
			var err error
			if texts, err = r.gcm.Open(texts, sealed[:12], sealed[12:], ad); err != nil {
				return err
			}
			offsets[row-lo] = int32(len(texts))
		}
		return nil
	})
}
