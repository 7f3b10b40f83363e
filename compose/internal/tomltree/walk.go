package tomltree

import (
	"sort"
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a key's place, and its children in the order of the document. The
// elements of an array are children named by their number.
type node struct {
	pos      Pos // of the key
	value    Pos // of the value's first character
	raw      string
	order    []string
	children map[string]*node
	elements int
}

func (n *node) child(name string, pos Pos) *node {
	if c, ok := n.children[name]; ok {
		return c
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := &node{pos: pos, value: pos}
	n.children[name] = c
	n.order = append(n.order, name)
	return c
}

// get gives a child, or a node that knows no more than n's place.
func (n *node) get(name string) *node {
	if c, ok := n.children[name]; ok {
		return c
	}
	return &node{pos: n.pos, value: n.value}
}

// last is the element of an array of tables that a header speaks of.
func (n *node) last() *node {
	if n.elements == 0 {
		return n
	}
	return n.children[strconv.Itoa(n.elements-1)]
}

func (n *node) push(pos Pos) *node {
	c := n.child(strconv.Itoa(n.elements), pos)
	n.elements++
	return c
}

// walker records places; the document is already known to be valid.
type walker struct {
	file  string
	p     unstable.Parser
	lines []int // where each line begins, so that no place is counted from the top
}

func walk(file string, data []byte, root *node) error {
	w := walker{file: file, lines: []int{0}}
	for i, b := range data {
		if b == '\n' {
			w.lines = append(w.lines, i+1)
		}
	}
	w.p.Reset(data)
	at := root
	for w.p.NextExpression() {
		e := w.p.Expression()
		if e.Kind == unstable.Table {
			at = w.descend(root, e.Key())
		}
		if e.Kind == unstable.ArrayTable {
			at = w.descend(root, e.Key())
			// descend stopped in the last element there was.
			at = w.header(root, e.Key()).push(at.pos)
			at.pos = w.keyPos(e.Key())
		}
		if e.Kind == unstable.KeyValue {
			w.keyValue(at, e)
		}
	}
	if err := w.p.Error(); err != nil {
		return Pos{File: file}.Errorf("%w", err)
	}
	return nil
}

// descend follows a dotted key, through the last element of arrays.
func (w *walker) descend(from *node, key unstable.Iterator) *node {
	for key.Next() {
		from = from.child(string(key.Node().Data), w.pos(key.Node())).last()
	}
	return from
}

// header is like descend but stays on the array that the last part names.
func (w *walker) header(from *node, key unstable.Iterator) *node {
	for key.Next() {
		last := key.IsLast()
		from = from.child(string(key.Node().Data), w.pos(key.Node()))
		if !last {
			from = from.last()
		}
	}
	return from
}

func (w *walker) keyPos(key unstable.Iterator) Pos {
	if key.Next() {
		return w.pos(key.Node())
	}
	return Pos{File: w.file}
}

func (w *walker) keyValue(at *node, e *unstable.Node) {
	n := at
	for key := e.Key(); key.Next(); {
		n = n.child(string(key.Node().Data), w.pos(key.Node()))
	}
	w.valueOf(n, e.Value())
}

func (w *walker) valueOf(n *node, v *unstable.Node) {
	n.raw = string(w.p.Raw(v.Raw))
	if v.Raw.Length > 0 {
		n.value = w.pos(v)
	}
	if v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			w.keyValue(n, it.Node())
		}
	}
	if v.Kind == unstable.Array {
		for it := v.Children(); it.Next(); {
			e := it.Node()
			if e.Kind == unstable.Comment {
				continue
			}
			element := n.push(n.value)
			w.valueOf(element, e)
			element.pos = element.value
		}
	}
}

func (w *walker) pos(n *unstable.Node) Pos {
	at := int(n.Raw.Offset)
	line := sort.SearchInts(w.lines, at+1)
	return Pos{w.file, line, at - w.lines[line-1] + 1}
}
