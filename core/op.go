package core

import "iter"

// Op names one method of Store. Policies, metrics labels and fault injection
// are keyed by it, so a test can ask whether a table covers them all.
type Op uint8

// The operations. The zero Op is none.
const (
	OpWrite Op = iota + 1
	OpRead
	OpResolve
	OpList
	OpStat
	OpEvolve
	OpClose
	endOfOps
)

var opNames = [endOfOps]string{
	OpWrite: "write", OpRead: "read", OpResolve: "resolve", OpList: "list", OpStat: "stat", OpEvolve: "evolve", OpClose: "close",
}

// String gives the lower-case name, such as "resolve".
func (o Op) String() string {
	if o > 0 && o < endOfOps {
		return opNames[o]
	}
	return "unknown"
}

// Mutates reports whether later reads can see a difference after o.
func (o Op) Mutates() bool { return o == OpWrite || o == OpEvolve }

// Ops yields every operation that touches data, in the order of the contract.
func Ops() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		for o := OpWrite; o < OpClose; o++ {
			if !yield(o) {
				return
			}
		}
	}
}

// ParseOp is the inverse of String.
func ParseOp(s string) (Op, bool) {
	for o := OpWrite; o < endOfOps; o++ {
		if opNames[o] == s {
			return o, true
		}
	}
	return 0, false
}
