package resolve

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// heldChildren are the samples held for stale parents.
type heldChildren struct {
	blocks   []arrow.RecordBatch
	byParent map[string][]heldChild
}

type heldChild struct {
	at   ref
	text string
}

// readChildren collects what is held for the parents in stale.
func (m *materializer) readChildren(ctx context.Context, stale core.Rows) (*heldChildren, error) {
	h := &heldChildren{byParent: map[string][]heldChild{}}
	var buf []byte
	for b, err := range stale.All() {
		if err != nil {
			return nil, err
		}
		parents, err := ident.Bind(b, m.plan.ResolveKey)
		if err != nil {
			return nil, invalidf("%w", err)
		}
		for row := range parents.Rows() {
			buf = parents.AppendText(buf[:0], row)
			h.byParent[string(buf)] = nil
		}
	}
	rows, err := m.store.Read(ctx, core.ReadRequest{Key: m.plan.Key(), Columns: m.plan.Feature.ID, Local: true})
	if err != nil {
		return nil, err
	}
	for b, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		if err := h.add(b, m.plan); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// add copies the rows of b whose parent is stale.
func (h *heldChildren) add(b arrow.RecordBatch, plan *core.Plan) error {
	parents, err := ident.Bind(b, plan.ResolveKey)
	if err != nil {
		return invalidf("%w", err)
	}
	ids, err := ident.Bind(b, plan.Feature.ID)
	if err != nil {
		return invalidf("%w", err)
	}
	var refs []ref
	var buf []byte
	for row := range ids.Rows() {
		buf = parents.AppendText(buf[:0], row)
		list, stale := h.byParent[string(buf)]
		if !stale {
			continue
		}
		at := makeRef(len(h.blocks), len(refs))
		h.byParent[string(buf)] = append(list, heldChild{at, string(ids.AppendText(nil, row))})
		refs = append(refs, makeRef(0, row))
	}
	if len(refs) == 0 {
		return nil
	}
	kept, err := gatherBatch(b.Schema(), []arrow.RecordBatch{b}, refs)
	if err == nil {
		h.blocks = append(h.blocks, kept)
	}
	return err
}

func gatherBatch(schema *arrow.Schema, from []arrow.RecordBatch, refs []ref) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, schema.NumFields())
	for i, f := range schema.Fields() {
		parts := make([]arrow.Array, len(from))
		for j, b := range from {
			parts[j] = b.Column(i)
		}
		var err error
		if columns[i], err = gather(f.Type, parts, refs); err != nil {
			return nil, err
		}
	}
	return newBatch(schema, columns, len(refs)), nil
}

// without gives the held children of the parents in one batch that another lacks,
// nil when there are none.
func (h *heldChildren) without(in, out arrow.RecordBatch, plan *core.Plan) (arrow.RecordBatch, error) {
	again := map[string]bool{}
	ids, err := ident.Bind(out, plan.Feature.ID)
	if err != nil {
		return nil, invalidf("%w", err)
	}
	for row := range ids.Rows() {
		again[string(ids.AppendText(nil, row))] = true
	}
	parents, err := ident.Bind(in, plan.ResolveKey)
	if err != nil {
		return nil, invalidf("%w", err)
	}
	var gone []ref
	var buf []byte
	for row := range parents.Rows() {
		buf = parents.AppendText(buf[:0], row)
		for _, c := range h.byParent[string(buf)] {
			if !again[c.text] {
				gone = append(gone, c.at)
			}
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return gatherBatch(h.blocks[0].Schema(), h.blocks, gone)
}

// checkChildren reports rows that are no children of the parents in in, or do
// not have their version.
func (m *materializer) checkChildren(in, out arrow.RecordBatch) error {
	if _, err := m.bindOut(in, out, m.plan.Feature.ID); err != nil {
		return err
	}
	parents, err := ident.Bind(in, m.plan.ResolveKey)
	if err != nil {
		return invalidf("%w", err)
	}
	rowOf := make(map[string]int, parents.Rows())
	for row := range parents.Rows() {
		rowOf[string(parents.AppendText(nil, row))] = row
	}
	children, err := ident.Bind(out, m.plan.ResolveKey)
	if err != nil {
		return invalidf("%w", err)
	}
	of := make([]int, children.Rows())
	var buf []byte
	for row := range of {
		buf = children.AppendText(buf[:0], row)
		parent, ok := rowOf[string(buf)]
		if !ok {
			return invalidf("compute returned a child of another parent in row %d", row+1)
		}
		of[row] = parent
	}
	return m.checkVersions(in, out, func(row int) int { return of[row] })
}
