package expr

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// node is a bound node. The mask that eval returns belongs to the caller, and its yes bits may only be set where it is known.
type node interface {
	eval(s *state) mask
}

type (
	constNode   bool
	unknownNode struct{} // a test of a column of type null
	nullNode    int      // the slot
	notNode     struct{ term node }
	andNode     []node
	orNode      []node
	testNode    struct {
		slot      int
		test      test
		orUnknown bool // what does not pass is unknown: IN with a NULL
	}
)

func (n constNode) eval(s *state) mask {
	if n {
		return mask{yes: fullWords(s.n)}
	}
	return mask{yes: make([]uint64, words(s.n))}
}

func (unknownNode) eval(s *state) mask {
	return mask{yes: make([]uint64, words(s.n)), known: make([]uint64, words(s.n))}
}

func (n nullNode) eval(s *state) mask {
	c := s.column(int(n))
	known := c.known
	if d, ok := c.arr.(*array.Dictionary); ok {
		// The value that an index points at may be null, and then so is the row.
		known = both(known, testDictionary(d, neverTest, make([]uint64, words(s.n))))
	}
	if known == nil {
		return constNode(false).eval(s)
	}
	m := mask{yes: slices.Clone(known)}
	invert(m.yes)
	return m
}

func (n notNode) eval(s *state) mask { return n.term.eval(s).not() }

func (n andNode) eval(s *state) mask {
	m := n[0].eval(s)
	for _, term := range n[1:] {
		m = m.and(term.eval(s))
	}
	return m
}

func (n orNode) eval(s *state) mask {
	m := n[0].eval(s)
	for _, term := range n[1:] {
		m = m.or(term.eval(s))
	}
	return m
}

func (n *testNode) eval(s *state) mask {
	c := s.column(n.slot)
	m := mask{yes: make([]uint64, words(s.n))}
	known := c.known
	if d, ok := c.arr.(*array.Dictionary); ok {
		known = both(known, testDictionary(d, n.test, m.yes))
	} else {
		n.test(c.arr, m.yes)
	}
	if known != nil {
		m.known = slices.Clone(known) // the operators work in place
	}
	m = m.definite()
	if n.orUnknown {
		m.known = slices.Clone(m.yes)
	}
	return m
}
