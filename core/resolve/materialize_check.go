package resolve

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// commitID names a commit by what it writes and what it builds on: a retry of
// the same write is recognised, the same rows after other commits are not.
func (m *materializer) commitID(verb string, rows core.Rows, withVersions bool) (string, error) {
	h := sha256.New()
	var buf []byte
	text := func(b []byte) { h.Write(binary.AppendUvarint(nil, uint64(len(b)))); h.Write(b) }
	text([]byte(m.plan.Key()))
	text([]byte(m.plan.Version))
	h.Write(binary.AppendVarint(nil, m.generation))
	names := m.plan.ContainerNames()
	if !withVersions {
		names = nil
	}
	for b, err := range rows.All() {
		if err != nil {
			return "", err
		}
		ids, err := ident.Bind(b, m.plan.Feature.ID)
		if err != nil {
			return "", invalidf("%w", err)
		}
		if _, name, null := ids.FirstNull(); null {
			return "", invalidf("a row has no %q: id columns cannot be null", name)
		}
		versions, err := bindVersions(b, names)
		if err != nil {
			return "", err
		}
		for row := range ids.Rows() {
			buf = ids.AppendText(buf[:0], row)
			text(buf)
			for i := range versions {
				v, _ := versions[i].value(row)
				text(v)
			}
		}
	}
	return verb + "-" + hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// checkSame reports rows that are not the ones that were to be computed.
func (m *materializer) checkSame(in, out arrow.RecordBatch) error {
	if in.NumRows() != out.NumRows() {
		return invalidf("compute returned %d rows for %d samples", out.NumRows(), in.NumRows())
	}
	want, err := ident.BindKeys(in, m.plan.ResolveKey)
	if err != nil {
		return invalidf("%w", err)
	}
	got, err := m.bindOut(in, out, m.plan.ResolveKey)
	if err != nil {
		return err
	}
	for row := range got.Rows() {
		if got.Null(row) || !got.Equal(row, want, row) {
			return invalidf("compute returned another sample in row %d: keep the ids and their order", row+1)
		}
	}
	return m.checkVersions(in, out, func(row int) int { return row })
}

// bindOut binds the ids that compute returned, whose types may differ in width.
func (m *materializer) bindOut(in, out arrow.RecordBatch, names []string) (*ident.Keys, error) {
	got, err := ident.BindKeys(out, names)
	if err != nil {
		return nil, invalidf("what compute returned: %w", err)
	}
	for _, n := range names {
		a, b := column(in, n), column(out, n)
		if a != nil && !ident.Comparable(a.DataType(), b.DataType()) {
			return nil, invalidf("compute returned id column %q as %s, it was given %s", n, b.DataType(), a.DataType())
		}
	}
	return got, nil
}

func column(b arrow.RecordBatch, name string) arrow.Array {
	if at := b.Schema().FieldIndices(name); len(at) == 1 {
		return b.Column(at[0])
	}
	return nil
}

// checkVersions compares the versions of each row of out with those of the row
// of in that it stands for.
func (m *materializer) checkVersions(in, out arrow.RecordBatch, of func(row int) int) error {
	names := m.plan.ContainerNames()
	want, err := bindVersions(in, names)
	if err != nil {
		return err
	}
	got, err := bindVersions(out, names)
	if err != nil {
		return err
	}
	for row := range int(out.NumRows()) {
		for c := range names {
			g, ok := got[c].value(row)
			w, _ := want[c].value(of(row))
			if !ok || !bytes.Equal(g, w) {
				return invalidf("compute changed the version of container %q in row %d: pass %q on as it is", names[c], row+1, core.ColDataVersion)
			}
		}
	}
	return nil
}

// rebatch gives rows in batches of size, with the columns of schema only: New
// and Stale then look the same.
func rebatch(rows core.Rows, schema *arrow.Schema, size int) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var parts []arrow.RecordBatch
		have := 0
		emit := func() bool {
			b, err := concat(schema, parts)
			if err == nil && len(parts) == 1 {
				b.Retain()
			}
			core.ReleaseAll(parts)
			parts, have = nil, 0
			if err != nil {
				return yield(nil, err)
			}
			more := yield(b, nil)
			b.Release()
			return more
		}
		defer func() { core.ReleaseAll(parts) }()
		for b, err := range rows.All() {
			if err != nil {
				yield(nil, err)
				return
			}
			columns := make([]arrow.Array, schema.NumFields())
			for i, f := range schema.Fields() {
				if columns[i] = column(b, f.Name); columns[i] == nil {
					yield(nil, invalidf("the increment lacks column %q", f.Name))
					return
				}
			}
			whole := array.NewRecordBatch(schema, columns, b.NumRows())
			for from := 0; from < int(whole.NumRows()); {
				n := min(size-have, int(whole.NumRows())-from)
				parts = append(parts, whole.NewSlice(int64(from), int64(from+n)))
				from += n
				if have += n; have == size && !emit() {
					whole.Release()
					return
				}
			}
			whole.Release()
		}
		if have > 0 {
			emit()
		}
	}
}
