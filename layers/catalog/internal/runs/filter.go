package runs

import (
	"bytes"
	"fmt"

	"github.com/FastFilter/xorfilter"
)

// Filter says of a key that it may be there or that it surely is not. One key
// in 65,536 that is not there may be.
type Filter struct{ fuse *xorfilter.BinaryFuse[uint16] }

// buildFilter makes the stored form of a filter over hashes, which it may reorder.
func buildFilter(b *xorfilter.BinaryFuseBuilder, hashes []uint64) ([]byte, error) {
	fuse, err := xorfilter.BuildBinaryFuse[uint16](b, hashes)
	if err != nil {
		return nil, fmt.Errorf("a filter over %d versions: %w", len(hashes), err)
	}
	var out bytes.Buffer
	out.Grow(len(fuse.Fingerprints)*2 + 64)
	if err := fuse.Save(&out); err != nil {
		return nil, err
	}
	return seal(out.Bytes()), nil
}

// OpenFilter decodes a filter.
func OpenFilter(b []byte) (*Filter, error) {
	body, ok := unseal(b)
	if !ok {
		return nil, damaged("a filter")
	}
	fuse, err := xorfilter.LoadBinaryFuse[uint16](bytes.NewReader(body))
	if err != nil {
		return nil, damaged("a filter")
	}
	return &Filter{fuse: fuse}, nil
}

// Contains answers for a key's hash.
func (f *Filter) Contains(hash uint64) bool { return f.fuse.Contains(hash) }

// Bytes is what the filter holds in memory.
func (f *Filter) Bytes() int64 { return int64(len(f.fuse.Fingerprints))*2 + 64 }
