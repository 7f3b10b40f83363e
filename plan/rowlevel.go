package plan

import (
	"errors"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/ident"
)

// rowLevel counts the held samples that versions of whole rows would recompute:
// those of which any upstream row changed since they were computed, in whatever
// container, or is going to be recomputed itself.
func (p *planner) rowLevel(v *view) (int64, error) {
	if !v.held {
		return 0, nil
	}
	v.redo = map[string]struct{}{}
	changed, err := p.changedUpstream(v)
	if err != nil {
		return 0, err
	}
	rows, err := p.store.Read(p.ctx, core.ReadRequest{Key: v.plan.Key(), Columns: v.plan.Feature.ID, Local: p.o.local})
	if err != nil {
		return 0, err
	}
	var n int64
	var buf []byte
	for b, err := range rows.All() {
		if err != nil {
			return 0, err
		}
		ids, err := ident.Bind(b, v.plan.Feature.ID)
		if err != nil {
			return 0, err
		}
		resolveKey, err := ident.Bind(b, v.plan.ResolveKey)
		if err != nil {
			return 0, err
		}
		keys := make([]*ident.View, len(v.plan.Upstream))
		for i, u := range v.plan.Upstream {
			if keys[i], err = ident.Bind(b, u.Key); err != nil {
				return 0, err
			}
		}
		for row := range ids.Rows() {
			buf = ids.AppendText(buf[:0], row)
			id := string(buf)
			if _, gone := v.orphaned[id]; gone {
				continue
			}
			buf = resolveKey.AppendText(buf[:0], row)
			_, redo := v.stale[string(buf)]
			for i := 0; i < len(changed) && !redo; i++ {
				buf = keys[i].AppendText(buf[:0], row)
				_, redo = changed[i][string(buf)]
			}
			if redo {
				v.redo[id] = struct{}{}
				n++
			}
		}
	}
	if v.plan.Expands() { // counted like Stats, by parent
		return p.redoParents(v)
	}
	return n, nil
}

// redoParents counts the resolve keys of what is to be redone.
func (p *planner) redoParents(v *view) (int64, error) {
	rows, err := p.store.Read(p.ctx, core.ReadRequest{Key: v.plan.Key(), Columns: v.plan.Feature.ID, Local: p.o.local})
	if err != nil {
		return 0, err
	}
	parents := map[string]struct{}{}
	var id, key []byte
	for b, err := range rows.All() {
		if err != nil {
			return 0, err
		}
		ids, err := ident.Bind(b, v.plan.Feature.ID)
		if err != nil {
			return 0, err
		}
		keys, err := ident.Bind(b, v.plan.ResolveKey)
		if err != nil {
			return 0, err
		}
		for row := range ids.Rows() {
			id = ids.AppendText(id[:0], row)
			if _, redo := v.redo[string(id)]; redo {
				key = keys.AppendText(key[:0], row)
				parents[string(key)] = struct{}{}
			}
		}
	}
	return int64(len(parents)), nil
}

// changedUpstream gives, for each upstream, the join keys of the rows that
// changed since the feature was last computed.
func (p *planner) changedUpstream(v *view) ([]map[string]struct{}, error) {
	out := make([]map[string]struct{}, len(v.plan.Upstream))
	for i, u := range v.plan.Upstream {
		up := p.views[u.Feature]
		ids, err := p.changedSince(up, v.lastSeen(up))
		if err != nil {
			return nil, err
		}
		if out[i], err = p.joinKeys(u, up, ids); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// lastSeen is the last commit of an upstream that the feature was computed
// from: its commits say so, or else the time of the last one does.
func (v *view) lastSeen(up *view) int64 {
	var seq int64
	for _, c := range v.info.Log {
		seq = max(seq, c.Basis[up.plan.Key()])
	}
	if seq > 0 || len(v.info.Log) == 0 {
		return seq
	}
	last := v.info.Log[len(v.info.Log)-1].Time
	for _, c := range up.info.Log {
		if !c.Time.After(last) {
			seq = c.Seq
		}
	}
	return seq
}

// changedSince gives the ids of an upstream's rows that changed after a commit
// or are about to: what was written since with another version, what
// versions of whole rows recompute, what is new and what is orphaned.
func (p *planner) changedSince(up *view, seq int64) (map[string]struct{}, error) {
	ids := union(union(nil, up.redo), up.orphaned)
	if err := eachID(up.fresh, up.plan.Feature.ID, func(id string) { ids[id] = struct{}{} }); err != nil {
		return nil, err
	}
	if !up.held || seq >= up.info.Generation {
		return ids, nil
	}
	since, err := p.writtenSince(up, seq)
	if err != nil {
		return nil, err
	}
	return union(ids, since), nil
}

// writtenSince gives the ids whose row was written after a commit with other
// versions than it had then.
func (p *planner) writtenSince(up *view, seq int64) (map[string]struct{}, error) {
	if got, ok := up.bySeq[seq]; ok {
		return got, nil
	}
	columns := append(slices.Clone(up.plan.Feature.ID), core.ColDataVersion)
	now, err := p.versionsOf(up, core.ReadRequest{
		Key: up.plan.Key(), Columns: columns, Filter: expr.Col(core.ColCommit).Gt(seq), Local: p.o.local,
	}, nil)
	if err != nil {
		return nil, err
	}
	if seq > 0 && len(now) > 0 && p.store.Capabilities().TimeTravel {
		then, err := p.versionsOf(up, core.ReadRequest{Key: up.plan.Key(), Columns: columns, AsOf: core.AtCommit(seq), Local: p.o.local}, now)
		if err != nil && !errors.Is(err, core.ErrUnsupported) {
			return nil, err
		}
		for id, versions := range then {
			if now[id] == versions {
				delete(now, id)
			}
		}
	}
	out := make(map[string]struct{}, len(now))
	for id := range now {
		out[id] = struct{}{}
	}
	if up.bySeq == nil {
		up.bySeq = map[int64]map[string]struct{}{}
	}
	up.bySeq[seq] = out
	return out, nil
}

// versionsOf gives all versions of each row as one text, of the ids in among
// alone unless that is nil.
func (p *planner) versionsOf(up *view, req core.ReadRequest, among map[string]string) (map[string]string, error) {
	rows, err := p.store.Read(p.ctx, req)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var buf []byte
	for b, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		ids, err := ident.Bind(b, up.plan.Feature.ID)
		if err != nil {
			return nil, err
		}
		versions, err := bindVersions(b, up.info.Containers)
		if err != nil {
			return nil, err
		}
		for row := range ids.Rows() {
			buf = ids.AppendText(buf[:0], row)
			if _, ok := among[string(buf)]; ok || among == nil {
				out[string(buf)] = strings.Join(versions(row), "\x00")
			}
		}
	}
	return out, nil
}

// joinKeys translates the ids of upstream rows to the columns on which they
// meet the feature. Rows that the dependency's filter leaves out do not count.
func (p *planner) joinKeys(u core.UpstreamPlan, up *view, ids map[string]struct{}) (map[string]struct{}, error) {
	keys := map[string]struct{}{}
	if len(ids) == 0 || up.info.Schema == nil {
		return keys, nil
	}
	from := make([]string, len(u.Key))
	for i, k := range u.Key {
		from[i] = u.Original(k)
	}
	req := core.ReadRequest{Key: u.Feature, Columns: slices.Clone(up.plan.Feature.ID), Local: p.o.local}
	for _, c := range from {
		if !slices.Contains(req.Columns, c) {
			req.Columns = append(req.Columns, c)
		}
	}
	if u.Filter != nil {
		req.Filter = expr.Rename(u.Filter, u.Original)
	}
	// Orphans are only among what is held, new samples only in the view.
	var sources []core.Rows
	if up.held {
		rows, err := p.store.Read(p.ctx, req)
		if err != nil {
			return nil, err
		}
		sources = append(sources, rows)
	}
	if up.newRows > 0 {
		rows, err := (&view{plan: up.plan, info: up.info, fresh: up.fresh}).read(p.ctx, p.store, req)
		if err != nil {
			return nil, err
		}
		sources = append(sources, rows)
	}
	for _, rows := range sources {
		for b, err := range rows.All() {
			if err == nil {
				err = addKeys(keys, b, up.plan.Feature.ID, from, ids)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return keys, nil
}

func addKeys(keys map[string]struct{}, b arrow.RecordBatch, id, from []string, ids map[string]struct{}) error {
	have, err := ident.Bind(b, id)
	if err != nil {
		return err
	}
	key, err := ident.Bind(b, from)
	if err != nil {
		return err
	}
	var buf []byte
	for row := range have.Rows() {
		buf = have.AppendText(buf[:0], row)
		if _, ok := ids[string(buf)]; !ok {
			continue
		}
		null := slices.ContainsFunc(from, func(c string) bool { return b.Column(b.Schema().FieldIndices(c)[0]).IsNull(row) })
		if !null {
			buf = key.AppendText(buf[:0], row)
			keys[string(buf)] = struct{}{}
		}
	}
	return nil
}
