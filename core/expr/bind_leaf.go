package expr

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
)

// leaf binds a test of one column with literals.
func (b *binder) leaf(e Expr) (node, error) {
	switch n := e.(type) {
	case Compare:
		slot, ops, err := b.operand(n.src, n.Column, n.Value)
		if err != nil || ops == nil {
			return unknownNode{}, err
		}
		return &testNode{slot: slot, test: ops.compare(n.Op, n.Value)}, nil
	case Between:
		slot, ops, err := b.operand(n.src, n.Column, n.Low, n.High)
		if err != nil || ops == nil {
			return unknownNode{}, err
		}
		return andNode{
			&testNode{slot: slot, test: ops.compare(Ge, n.Low)},
			&testNode{slot: slot, test: ops.compare(Le, n.High)},
		}, nil
	case In:
		slot, ops, err := b.operand(n.src, n.Column, n.Values...)
		switch {
		case err != nil:
			return nil, err
		case len(n.Values) == 0:
			return constNode(false), nil
		case ops == nil:
			return unknownNode{}, nil
		}
		values := make([]Literal, 0, len(n.Values))
		for _, v := range n.Values {
			if !v.IsNull() {
				values = append(values, v)
			}
		}
		return &testNode{slot: slot, test: ops.in(values), orUnknown: len(values) < len(n.Values)}, nil
	case Prefix:
		return b.text(n.src, n.Column, "starts_with", prefixBytes(n.Prefix))
	case Like:
		pattern, err := compileLike(n.Pattern)
		if err != nil {
			return nil, &fault{n.src, n.at, err.Error()}
		}
		return b.text(n.src, n.Column, "LIKE", bytesTest{match: pattern.match})
	}
	return nil, &fault{msg: "unknown node; the nodes of an expression are those of package expr"}
}

// operand resolves the column of a comparison and checks the literals against its type. The operations are nil for a column of type null.
func (b *binder) operand(src *string, c Column, values ...Literal) (int, *typeOps, error) {
	slot, typ, err := b.column(src, c)
	if err != nil {
		return 0, nil, err
	}
	value := valueType(typ)
	if value.ID() == arrow.NULL {
		return slot, nil, nil
	}
	ops := opsOf(value)
	if ops == nil {
		return 0, nil, &fault{src, c.at, fmt.Sprintf("column %s is %s, which can be tested with IS NULL only", quoted(c), typeName(typ))}
	}
	for _, v := range values {
		if !v.IsNull() && !ops.accepts(v.kind) {
			msg := fmt.Sprintf("column %s is %s and cannot be compared with %s", quoted(c), typeName(typ), v.kind)
			if ops.hint != "" {
				msg += "; " + ops.hint
			}
			return 0, nil, &fault{src, v.at, msg}
		}
	}
	return slot, ops, nil
}

// text binds a test of the text of a string column.
func (b *binder) text(src *string, c Column, what string, test bytesTest) (node, error) {
	slot, typ, err := b.column(src, c)
	if err != nil {
		return nil, err
	}
	switch valueType(typ).ID() {
	case arrow.NULL:
		return unknownNode{}, nil
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return &testNode{slot: slot, test: test.run}, nil
	default:
		return nil, &fault{src, c.at, fmt.Sprintf("column %s is %s, and %s needs a string column", quoted(c), typeName(typ), what)}
	}
}

// valueType is the type of a column's values, through extension types and dictionaries.
func valueType(t arrow.DataType) arrow.DataType {
	t = storageType(t)
	if d, ok := t.(*arrow.DictionaryType); ok {
		return storageType(d.ValueType)
	}
	return t
}
