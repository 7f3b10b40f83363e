package rbac

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// mask is how one column is really shown: a way that does not fit its type, and
// a hash without a key, show null.
func (r *RBAC) mask(f arrow.Field, show Show) Show {
	switch show {
	case ShowHash:
		if r.o.maskKey == nil || ident.CheckType(f.Type) != nil {
			return ShowNull
		}
	case ShowLast4:
		if !isText(f.Type) {
			return ShowNull
		}
	case ShowRead, ShowNull, ShowHide:
	default:
		return ShowHide
	}
	return show
}

func isText(t arrow.DataType) bool {
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	return t.ID() == arrow.STRING || t.ID() == arrow.LARGE_STRING
}

// shownField is a column as the caller sees it; ok is false for a hidden one.
func (r *RBAC) shownField(a *access, f arrow.Field) (_ arrow.Field, ok bool) {
	switch r.mask(f, a.show(f.Name)) {
	case ShowRead:
		return f, true
	case ShowHide:
		return f, false
	case ShowHash, ShowLast4:
		return arrow.Field{Name: f.Name, Type: arrow.BinaryTypes.String, Nullable: true}, true
	default: // null
	}
	return arrow.Field{Name: f.Name, Type: f.Type, Nullable: true}, true
}

func (r *RBAC) shownSchema(a *access, schema *arrow.Schema) *arrow.Schema {
	if schema == nil {
		return nil
	}
	fields := make([]arrow.Field, 0, schema.NumFields())
	for _, f := range schema.Fields() {
		if g, ok := r.shownField(a, f); ok {
			fields = append(fields, g)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// masked replaces the values of masked columns batch by batch.
func (r *RBAC) masked(a *access, key core.FeatureKey, rows core.Rows) core.Rows {
	shows := make([]Show, rows.Schema.NumFields())
	changes := false
	fields := make([]arrow.Field, len(shows))
	for i, f := range rows.Schema.Fields() {
		shows[i] = r.mask(f, a.show(f.Name))
		fields[i], _ = r.shownField(a, f)
		changes = changes || shows[i] != ShowRead
	}
	if !changes {
		return rows
	}
	whole := rows
	rows.Schema = arrow.NewSchema(fields, nil)
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for b, err := range whole.All() {
			var out arrow.RecordBatch
			if err == nil {
				out, err = r.maskBatch(b, rows.Schema, shows)
			}
			if err != nil {
				yield(nil, core.WrapError(core.OpRead, key, name, err))
				return
			}
			if !hand(out, yield) {
				return
			}
		}
	}
	return rows
}

// hand gives a batch to the consumer and releases it, even if that panics.
func hand(b arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) bool {
	defer b.Release()
	return yield(b, nil)
}

func (r *RBAC) maskBatch(b arrow.RecordBatch, schema *arrow.Schema, shows []Show) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, len(shows))
	var made []arrow.Array
	defer func() {
		for _, c := range made {
			c.Release()
		}
	}()
	for i, show := range shows {
		col := b.Column(i)
		switch show {
		case ShowRead:
			columns[i] = col
			continue
		case ShowHash:
			var err error
			if columns[i], err = r.hashed(b, i); err != nil {
				return nil, err
			}
		case ShowLast4:
			columns[i] = lastFour(col)
		default:
			columns[i] = array.MakeArrayOfNull(memory.DefaultAllocator, col.DataType(), col.Len())
		}
		made = append(made, columns[i])
	}
	return array.NewRecordBatch(schema, columns, b.NumRows()), nil
}

// hashed is HMAC-SHA256 of the column's name and the value's canonical text,
// cut to 128 bits, in hex.
func (r *RBAC) hashed(b arrow.RecordBatch, at int) (arrow.Array, error) {
	column := b.ColumnName(at)
	texts, err := ident.Bind(b, []string{column})
	if err != nil {
		return nil, fmt.Errorf("%w: column %q cannot be hashed", core.ErrIntegrity, column)
	}
	out := array.NewStringBuilder(memory.DefaultAllocator)
	defer out.Release()
	mac := hmac.New(sha256.New, r.o.maskKey)
	var text, sum []byte
	for row := range int(b.NumRows()) {
		if isNull(b.Column(at), row) {
			out.AppendNull()
			continue
		}
		text = texts.AppendText(text[:0], row)
		sum = digest(mac, column, text, sum[:0])
		out.Append(hex.EncodeToString(sum[:16]))
	}
	return out.NewArray(), nil
}

func digest(mac hash.Hash, column string, text, to []byte) []byte {
	mac.Reset()
	fmt.Fprintf(mac, "%d:%s", len(column), column)
	mac.Write(text)
	return mac.Sum(to)
}

func isNull(a arrow.Array, row int) bool {
	if a.IsNull(row) {
		return true
	}
	d, ok := a.(*array.Dictionary)
	return ok && d.Dictionary().IsNull(d.GetValueIndex(row))
}

// lastFour shows the end of long texts, and nothing of short ones: not even how
// long they are.
func lastFour(a arrow.Array) arrow.Array {
	out := array.NewStringBuilder(memory.DefaultAllocator)
	defer out.Release()
	for row := range a.Len() {
		if isNull(a, row) {
			out.AppendNull()
			continue
		}
		out.Append("****" + tail(textAt(a, row)))
	}
	return out.NewArray()
}

func textAt(a arrow.Array, row int) string {
	switch a := a.(type) {
	case *array.String:
		return a.Value(row)
	case *array.LargeString:
		return a.Value(row)
	case *array.Dictionary:
		return textAt(a.Dictionary(), a.GetValueIndex(row))
	}
	return ""
}

const (
	shownEnd  = 4
	longText  = 8 // characters; of a shorter text the end would be most
	runeBytes = utf8.UTFMax
)

func tail(s string) string {
	if len(s) < longText*runeBytes && utf8.RuneCountInString(s) < longText {
		return ""
	}
	at := len(s)
	for range shownEnd {
		_, n := utf8.DecodeLastRuneInString(s[:at])
		at -= n
	}
	return s[at:]
}
