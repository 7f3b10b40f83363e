package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

const batchRows = 1 << 16

// every selects one sample in this many; 1 is all of them.
type every int64

func (e every) has(i int64) bool { return i%int64(e) == int64(e)/3 }

// rootRows generates what one commit of a root holds: sample_id (0 to n-1), a
// path of 32 bytes, and versions that look like SHA-256 digests. The same
// arguments give the same rows. Another generation gives other versions.
func rootRows(p *core.Plan, n int64, pick every, generation uint64) core.Rows {
	containers := p.ContainerNames()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: core.DefaultID, Type: arrow.PrimitiveTypes.Int64},
		{Name: "path", Type: arrow.BinaryTypes.String},
		{Name: core.ColDataVersion, Type: core.DataVersionType(containers)},
	}, nil)
	seeds := make([]uint64, len(containers))
	for c, name := range containers {
		h := fnv.New64a()
		fmt.Fprintf(h, "%s/%s/%d", p.Key(), name, generation)
		seeds[c] = h.Sum64()
	}
	return core.Rows{Schema: schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for from := int64(0); from < n; from += batchRows {
			b := rootBatch(schema, from, min(from+batchRows, n), pick, seeds)
			ok := b.NumRows() == 0 || yield(b, nil)
			b.Release()
			if !ok {
				return
			}
		}
	}}
}

func rootBatch(schema *arrow.Schema, from, to int64, pick every, seeds []uint64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	ids, paths := b.Field(0).(*array.Int64Builder), b.Field(1).(*array.StringBuilder)
	versions := b.Field(2).(*array.StructBuilder)
	path := []byte("s3://samples/2026/000000000000.mp4")
	var digest [64]byte
	for i := from; i < to; i++ {
		if !pick.has(i) {
			continue
		}
		ids.Append(i)
		putNumber(path[len(path)-16:len(path)-4], i)
		paths.BinaryBuilder.Append(path)
		versions.Append(true)
		for c, seed := range seeds {
			putDigest(&digest, seed, uint64(i))
			versions.FieldBuilder(c).(*array.StringBuilder).BinaryBuilder.Append(digest[:])
		}
	}
	return b.NewRecordBatch()
}

// putNumber writes i in decimal, right-aligned over zeros.
func putNumber(dst []byte, i int64) {
	for at := len(dst) - 1; at >= 0; at-- {
		dst[at] = byte('0' + i%10)
		i /= 10
	}
}

// putDigest writes 64 hexadecimal digits that depend on seed and i.
func putDigest(dst *[64]byte, seed, i uint64) {
	var raw [32]byte
	x := seed ^ i*0x9e3779b97f4a7c15
	for at := 0; at < len(raw); at += 8 {
		x += 0x9e3779b97f4a7c15
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(raw[at:], z^z>>31)
	}
	hex.Encode(dst[:], raw[:])
}
