package expr

// integerValue is what integer and time columns are made of, numberValue what can be compared with an operator.
type (
	integerValue interface {
		~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
	}
	numberValue interface {
		integerValue | ~float32 | ~float64
	}
)

// compareValues sets the bit of each value for which the comparison holds.
//
// NaN is the greatest number. Go's own comparisons with NaN are false, so that v <= at leaves NaN out as it should, and v > at is
// computed as not v <= at to have NaN in it. Only a literal that is NaN itself needs a case of its own.
func compareValues[T numberValue](vals []T, op CompareOp, at T, out []uint64) {
	if isNaN(at) {
		switch op {
		case Eq, Ge:
			notEqualItself(vals, out)
		case Ne, Lt:
			notEqualItself(vals, out)
			invert(out)
		case Le, always:
			fill(out)
		default: // greater than NaN: nothing
		}
		return
	}
	switch op {
	case Eq:
		equal(vals, at, out)
	case Ne:
		equal(vals, at, out)
		invert(out)
	case Lt:
		less(vals, at, out)
	case Ge:
		less(vals, at, out)
		invert(out)
	case Le:
		lessEqual(vals, at, out)
	case Gt:
		lessEqual(vals, at, out)
		invert(out)
	case always:
		fill(out)
	default: // never: out is zeroed
	}
}

// isNaN is false for integers, and then costs nothing.
func isNaN[T numberValue](v T) bool {
	return v != v //nolint:gocritic // only NaN is not itself, and math.IsNaN takes no type parameter
}

func invert(out []uint64) {
	for i := range out {
		out[i] = ^out[i]
	}
}

func fill(out []uint64) {
	for i := range out {
		out[i] = ^uint64(0)
	}
}

// The loops below build a word from 64 comparisons without a branch, eight at a time with constant shifts: about half a nanosecond a row.
// They are written out because the comparison does not inline through a function value.

func less[T numberValue](vals []T, at T, out []uint64) {
	k := 0
	for ; len(vals) >= 64; vals = vals[64:] {
		var w uint64
		for i := 0; i < 64; i += 8 {
			b := vals[i : i+8 : i+8]
			w |= (bit(b[0] < at) | bit(b[1] < at)<<1 | bit(b[2] < at)<<2 | bit(b[3] < at)<<3 |
				bit(b[4] < at)<<4 | bit(b[5] < at)<<5 | bit(b[6] < at)<<6 | bit(b[7] < at)<<7) << i
		}
		out[k] = w
		k++
	}
	for i, v := range vals {
		out[k] |= bit(v < at) << i
	}
}

func lessEqual[T numberValue](vals []T, at T, out []uint64) {
	k := 0
	for ; len(vals) >= 64; vals = vals[64:] {
		var w uint64
		for i := 0; i < 64; i += 8 {
			b := vals[i : i+8 : i+8]
			w |= (bit(b[0] <= at) | bit(b[1] <= at)<<1 | bit(b[2] <= at)<<2 | bit(b[3] <= at)<<3 |
				bit(b[4] <= at)<<4 | bit(b[5] <= at)<<5 | bit(b[6] <= at)<<6 | bit(b[7] <= at)<<7) << i
		}
		out[k] = w
		k++
	}
	for i, v := range vals {
		out[k] |= bit(v <= at) << i
	}
}

func equal[T numberValue](vals []T, at T, out []uint64) {
	k := 0
	for ; len(vals) >= 64; vals = vals[64:] {
		var w uint64
		for i := 0; i < 64; i += 8 {
			b := vals[i : i+8 : i+8]
			w |= (bit(b[0] == at) | bit(b[1] == at)<<1 | bit(b[2] == at)<<2 | bit(b[3] == at)<<3 |
				bit(b[4] == at)<<4 | bit(b[5] == at)<<5 | bit(b[6] == at)<<6 | bit(b[7] == at)<<7) << i
		}
		out[k] = w
		k++
	}
	for i, v := range vals {
		out[k] |= bit(v == at) << i
	}
}

// notEqualItself finds the NaNs.
func notEqualItself[T numberValue](vals []T, out []uint64) {
	for i, v := range vals {
		out[i/64] |= bit(isNaN(v)) << (i % 64)
	}
}

// fewValues is how many values of an IN are compared one after the other before a hash table is faster.
const fewValues = 8

// inValues sets the bit of each value that is in the set.
type inValues[T numberValue] struct {
	few []T
	set map[T]struct{}
	nan bool
}

func newInValues[T numberValue](cuts []cut[T]) inValues[T] {
	var in inValues[T]
	set := make(map[T]struct{}, len(cuts))
	for _, c := range cuts {
		switch {
		case c.pos != cutExact: // equal to no value of the type
		case isNaN(c.at):
			in.nan = true // a map never finds NaN
		default:
			set[c.at] = struct{}{}
		}
	}
	if len(set) > fewValues {
		in.set = set
		return in
	}
	for v := range set {
		in.few = append(in.few, v)
	}
	return in
}

func (in inValues[T]) test(vals []T, out []uint64) {
	if in.nan {
		notEqualItself(vals, out)
	}
	if in.set != nil {
		for i, v := range vals {
			_, ok := in.set[v]
			out[i/64] |= bit(ok) << (i % 64)
		}
		return
	}
	if len(in.few) == 1 && !in.nan {
		equal(vals, in.few[0], out)
		return
	}
	one := make([]uint64, len(out))
	for _, at := range in.few {
		clear(one)
		equal(vals, at, one)
		for i, w := range one {
			out[i] |= w
		}
	}
}
