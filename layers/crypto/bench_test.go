package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	backend "github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// benchBatch has rows of an id, one data version, and values of 60 bytes.
func benchBatch(rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "text", Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"x"})},
	}, nil))
	defer b.Release()
	for i := range rows {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("sample-%010d", i))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("a person number %08d walks along the street of a city %06d", i*7919%rows, i)[:60])
		v := b.Field(2).(*array.StructBuilder)
		v.Append(true)
		v.FieldBuilder(0).(*array.StringBuilder).Append(fmt.Sprintf("%064x", i))
	}
	return b.NewRecordBatch()
}

const (
	benchRows    = 1 << 16 // a batch
	benchBatch1M = 16
)

// BenchmarkRaw is the loop to compare with: crypto/cipher, random nonces, the
// same associated data, one goroutine or all cores.
func BenchmarkRaw(b *testing.B) {
	for _, procs := range []int{1, runtime.GOMAXPROCS(0)} {
		b.Run(fmt.Sprintf("goroutines=%d", procs), func(b *testing.B) {
			batch := benchBatch(benchRows)
			defer batch.Release()
			rows, _ := newRowBinder(batch, []string{"id"})
			text := batch.Column(1).(*array.String)
			key := make([]byte, 32)
			block, _ := aes.NewCipher(key)
			gcm, _ := cipher.NewGCM(block)
			head := newHead(purposeCell, keys.AES256GCM, 1, 1, "video/raw", "text")
			b.ReportAllocs()
			for b.Loop() {
				for range benchBatch1M {
					var wg sync.WaitGroup
					for p := range procs {
						wg.Go(func() {
							ad := append([]byte(nil), head...)
							for i := benchRows * p / procs; i < benchRows*(p+1)/procs; i++ {
								ad = rows.append(ad[:len(head)], i)
								out := make([]byte, 12, 12+60+16)
								_, _ = rand.Read(out)
								sealed := gcm.Seal(out, out, []byte(text.Value(i)), ad)
								if _, err := gcm.Open(sealed[12:12], sealed[:12], sealed[12:], ad); err != nil {
									panic(err)
								}
							}
						})
					}
					wg.Wait()
				}
			}
		})
	}
}

// BenchmarkColumn encrypts and decrypts a million values as the layer does.
func BenchmarkColumn(b *testing.B) {
	for a := keys.AES256GCM; a.Valid(); a++ {
		b.Run(a.String(), func(b *testing.B) {
			ring, _ := keys.New()
			m := mark{mode: modeRandom, path: []string{"text"}, bound: "text", typ: arrow.BinaryTypes.String}
			if a == keys.AES256SIV {
				m.mode = modeDeterministic
			}
			c, _ := newColumn(m, nil)
			c.rule = &rule{mode: m.mode, algorithm: a}
			batch := benchBatch(benchRows)
			defer batch.Release()
			rows, _ := newRowBinder(batch, []string{"id"})
			s := newSealer(c, ring, ring.Primary(), "video/raw")
			w := &writing{ring: ring}
			o := &opener{column: c, ring: ring, feature: "video/raw"}
			b.ReportAllocs()
			for b.Loop() {
				for range benchBatch1M {
					cell, companion, err := w.sealColumn(b.Context(), s, batch.Column(1), arrow.BinaryTypes.Binary, batch, rows)
					if err != nil {
						b.Fatal(err)
					}
					seals, _ := companion.(*array.Binary)
					parts, err := spread(b.Context(), benchRows, func(lo, hi int) (*cells, error) {
						return o.openRows(cell.(*array.Binary), seals, rows, nil, 0, lo, hi)
					})
					if err != nil {
						b.Fatal(err)
					}
					plain, err := build(c.typ, parts)
					if err != nil {
						b.Fatal(err)
					}
					plain.Release()
					cell.Release()
					companion.Release()
				}
			}
		})
	}
}

// BenchmarkRead reads a million rows of ten columns, two of them encrypted.
func BenchmarkRead(b *testing.B) {
	fields := []arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}
	for i := range 8 {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: arrow.BinaryTypes.String})
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"x"})})
	schema := arrow.NewSchema(fields, nil)
	g, err := core.NewGraph(core.NewFeature("video/raw", core.ID("id"), core.Container("x")))
	if err != nil {
		b.Fatal(err)
	}
	plan, _ := g.Plan("video/raw")
	ring, _ := keys.New()
	small := benchBatch(1 << 20)
	defer small.Release()
	columns := []arrow.Array{small.Column(0)}
	for range 8 {
		columns = append(columns, small.Column(1))
	}
	batch := array.NewRecordBatch(schema, append(columns, small.Column(2)), small.NumRows())
	defer batch.Release()
	for what, opts := range map[string][]Option{"plain": nil, "encrypted": {Columns("c1", "c2")}} {
		b.Run(what, func(b *testing.B) {
			below := backend.New()
			defer func() { _ = below.Close() }()
			s, err := New(ring, opts...).Wrap(below)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Write(b.Context(), core.WriteRequest{Plan: plan, Rows: core.RowsOf(schema, batch)}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				rows, err := s.Read(b.Context(), core.ReadRequest{Key: "video/raw"})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := rows.Count(); err != nil || n != 1<<20 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
