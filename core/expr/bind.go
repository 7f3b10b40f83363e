package expr

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
)

// Bound is an expression bound to a schema. It is immutable and safe for concurrent use.
type Bound struct {
	root    node // nil: every row
	slots   []slot
	columns []string
	last    atomic.Pointer[resolution]
}

// slot is a column that the expression reads.
type slot struct {
	column Column
	typ    arrow.DataType
}

// resolution says where the slots are in batches of one schema.
type resolution struct {
	schema *arrow.Schema
	index  [][]int // for each slot the index of the column, then of the fields of its structs
}

// Bind resolves the columns of an expression in a schema, checks its literals against their types, and prepares it for evaluation. A nil
// expression binds to one that is true for every row.
//
// Columns are found by name. A batch that is evaluated later may have them in another order, or more of them, as long as those that the
// expression reads have the types they have here. The error is an *[Error].
func Bind(e Expr, schema *arrow.Schema) (*Bound, error) {
	var b *Bound
	err := placed(e, func(e Expr) error {
		if err := check(e, 0); err != nil {
			return err
		}
		b = &Bound{}
		bind := binder{bound: b, schema: schema, slots: map[string]int{}}
		var err error
		b.root, err = bind.node(e)
		if err == nil {
			b.last.Store(&resolution{schema: schema, index: bind.index})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	b.columns = Columns(e)
	return b, nil
}

// Columns returns the top-level names of the columns that the expression reads, sorted and unique.
func (b *Bound) Columns() []string { return slices.Clone(b.columns) }

type binder struct {
	bound  *Bound
	schema *arrow.Schema
	slots  map[string]int // by printed column
	index  [][]int
}

func (b *binder) node(e Expr) (node, error) {
	switch n := reduce(e).(type) {
	case nil:
		return nil, nil
	case Const:
		return constNode(n.Value), nil
	case NotExpr:
		term, err := b.node(n.Term)
		return notNode{term}, err
	case AndExpr:
		terms, err := b.terms(n.Terms)
		return andNode(terms), err
	case OrExpr:
		terms, err := b.terms(n.Terms)
		return orNode(terms), err
	case IsNull:
		slot, typ, err := b.column(n.src, n.Column)
		if err != nil {
			return nil, err
		}
		switch storageType(typ).ID() {
		case arrow.RUN_END_ENCODED, arrow.SPARSE_UNION, arrow.DENSE_UNION:
			return nil, &fault{n.src, n.Column.at, fmt.Sprintf("column %s is %s, which has no nulls of its own", quoted(n.Column), typeName(typ))}
		default:
			return nullNode(slot), nil
		}
	default:
		return b.leaf(n)
	}
}

func (b *binder) terms(terms []Expr) ([]node, error) {
	out := make([]node, len(terms))
	for i, t := range terms {
		var err error
		if out[i], err = b.node(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// column returns the slot of a column and its type.
func (b *binder) column(src *string, c Column) (int, arrow.DataType, error) {
	key := c.String()
	if i, ok := b.slots[key]; ok {
		return i, b.bound.slots[i].typ, nil
	}
	index, typ, msg := lookup(b.schema, c)
	if msg != "" {
		return 0, nil, &fault{src, c.at, msg}
	}
	i := len(b.bound.slots)
	b.slots[key] = i
	b.bound.slots = append(b.bound.slots, slot{column: c, typ: typ})
	b.index = append(b.index, index)
	return i, typ, nil
}

// lookup finds a column in a schema; msg says why there is none.
func lookup(schema *arrow.Schema, c Column) (index []int, typ arrow.DataType, msg string) {
	if schema == nil {
		return nil, nil, fmt.Sprintf("unknown column %s: there is no schema", quoted(c))
	}
	fields := schema.Fields()
	for depth, name := range c.Path {
		found := -1
		for i, f := range fields {
			if f.Name != name {
				continue
			}
			if found >= 0 {
				return nil, nil, fmt.Sprintf("column %s is ambiguous: the schema has %q twice", quoted(c), name)
			}
			found = i
		}
		if found < 0 {
			return nil, nil, unknownColumn(schema, c, depth, fields)
		}
		index, typ = append(index, found), fields[found].Type
		if depth == len(c.Path)-1 {
			break
		}
		st, ok := storageType(typ).(*arrow.StructType)
		if !ok {
			parent := Column{Path: c.Path[:depth+1]}
			return nil, nil, fmt.Sprintf("unknown column %s: %s is %s and has no fields", quoted(c), quoted(parent), typeName(typ))
		}
		fields = st.Fields()
	}
	return index, typ, ""
}

func unknownColumn(schema *arrow.Schema, c Column, depth int, fields []arrow.Field) string {
	if len(c.Path) > 1 {
		if dotted := Field(joined(c)); len(schema.FieldIndices(dotted.Path[0])) > 0 {
			return fmt.Sprintf("unknown column %s; the name holds dots and is written in double quotes", quoted(c))
		}
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	if near, ok := Nearest(c.Path[depth], names); ok {
		suggestion := Column{Path: append(slices.Clone(c.Path[:depth]), near)}
		return fmt.Sprintf("unknown column %s, did you mean %s?", quoted(c), quoted(suggestion))
	}
	return fmt.Sprintf("unknown column %s", quoted(c))
}

// storageType looks through extension types.
func storageType(t arrow.DataType) arrow.DataType {
	for {
		ext, ok := t.(arrow.ExtensionType)
		if !ok {
			return t
		}
		t = ext.StorageType()
	}
}

// typeName is the type as messages show it, without the fields of nested types, which may be many.
func typeName(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.StructType:
		return "a struct"
	case arrow.NestedType:
		return "a " + t.Name()
	case arrow.ExtensionType:
		return t.ExtensionName()
	case *arrow.DictionaryType:
		return typeName(t.ValueType)
	}
	return t.String()
}
