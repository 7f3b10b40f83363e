package expr

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// bytesTest decides about values of string and binary columns.
type bytesTest struct {
	equals *string // set instead of match for an equality, the most frequent test, which needs no call a row
	match  func(string) bool
}

func compareBytes(op CompareOp, at string) bytesTest {
	switch op {
	case Eq:
		return bytesTest{equals: &at}
	case Ne:
		return bytesTest{match: func(s string) bool { return s != at }}
	case Lt:
		return bytesTest{match: func(s string) bool { return s < at }}
	case Le:
		return bytesTest{match: func(s string) bool { return s <= at }}
	case Gt:
		return bytesTest{match: func(s string) bool { return s > at }}
	default:
		return bytesTest{match: func(s string) bool { return s >= at }}
	}
}

func inBytes(values []string) bytesTest {
	if len(values) == 1 {
		return compareBytes(Eq, values[0])
	}
	if len(values) <= 4 {
		return bytesTest{match: func(s string) bool { return slices.Contains(values, s) }}
	}
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return bytesTest{match: func(s string) bool { _, ok := set[s]; return ok }}
}

func prefixBytes(prefix string) bytesTest {
	return bytesTest{match: func(s string) bool { return strings.HasPrefix(s, prefix) }}
}

// run sets the bit of each value that passes. arr is a string or binary array of any layout.
func (t bytesTest) run(arr arrow.Array, out []uint64) {
	if arr.Len() == 0 {
		return // an empty array may lack its buffers
	}
	match := t.match
	if match == nil {
		match = func(s string) bool { return s == *t.equals }
	}
	switch a := arr.(type) {
	case *array.String:
		runOffsets(t, a.ValueOffsets(), a.ValueBytes(), out)
	case *array.LargeString:
		runOffsets(t, a.ValueOffsets(), a.ValueBytes(), out)
	case *array.Binary:
		runOffsets(t, a.ValueOffsets(), a.ValueBytes(), out)
	case *array.LargeBinary:
		runOffsets(t, a.ValueOffsets(), a.ValueBytes(), out)
	case *array.StringView:
		for i := range a.Len() {
			if a.IsValid(i) { // the header of a null need not point anywhere
				out[i/64] |= bit(match(a.Value(i))) << (i % 64)
			}
		}
	case *array.BinaryView:
		for i := range a.Len() {
			if a.IsValid(i) {
				out[i/64] |= bit(match(borrow(a.Value(i)))) << (i % 64)
			}
		}
	case *array.FixedSizeBinary:
		for i := range a.Len() {
			if a.IsValid(i) {
				out[i/64] |= bit(match(borrow(a.Value(i)))) << (i % 64)
			}
		}
	}
}

func runOffsets[O int32 | int64](t bytesTest, offsets []O, data []byte, out []uint64) {
	all, base := borrow(data), offsets[0]
	if t.equals != nil {
		want := *t.equals
		size := O(len(want))
		for i, from := range offsets[:len(offsets)-1] {
			// Lengths first: most strings that differ are of different length, or differ in a byte that is then in the cache.
			if to := offsets[i+1]; to-from == size && all[from-base:to-base] == want {
				out[i/64] |= 1 << (i % 64)
			}
		}
		return
	}
	for i, from := range offsets[:len(offsets)-1] {
		out[i/64] |= bit(t.match(all[from-base:offsets[i+1]-base])) << (i % 64)
	}
}

// borrow looks at bytes as a string without a copy. Arrow buffers do not change while a batch is evaluated, and no test keeps a value.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
