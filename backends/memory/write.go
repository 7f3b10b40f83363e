package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// written is a commit with an id of its own, and the rows as they came, for
// comparison with a write that repeats it.
type written struct {
	commit core.Commit
	schema *arrow.Schema
	chunks []*chunk
}

// Write copies the rows without holding a lock, since the source may be slow or
// read from this very store, and then commits them in one step.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	commit, err := s.write(ctx, req)
	return commit, wrap(core.OpWrite, req.Key(), err)
}

func (s *store) write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Commit{}, err
	}
	if err := s.enter(); err != nil {
		return core.Commit{}, err
	}
	defer s.leave()

	t := s.table(req.Key())
	if !t.knows(req.ID) {
		// Commit asks again; this spares the source from being read in vain.
		if _, err := t.state.Load().accept(req); err != nil {
			return core.Commit{}, err
		}
	}
	in := newIngest(req, s.mem, s.seed)
	if err := in.run(ctx); err != nil {
		return core.Commit{}, err
	}
	return t.commit(in, s.now)
}

func (t *table) knows(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.byID[id]
	return ok
}

// commit makes the rows visible, or releases them. Everything that can fail
// comes before the index is touched.
func (t *table) commit(in *ingest, now func() time.Time) (core.Commit, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := false
	defer func() {
		if !kept {
			in.owned.release()
		}
	}()
	req := in.req
	if first, ok := t.byID[req.ID]; ok {
		if !in.same(first) {
			return core.Commit{}, fmt.Errorf("%w: this write id was used for other rows", core.ErrConflict)
		}
		return copyCommit(first.commit), nil
	}
	old := t.state.Load()
	from, err := old.accept(req)
	if err != nil {
		return core.Commit{}, err
	}
	st, err := t.grow(old, in) // with room for new containers
	if err != nil {
		return core.Commit{}, err
	}
	added := t.arrange(in, st.info.Schema, from)

	commit := core.Commit{
		Seq: st.info.Generation + 1, ID: req.ID, Rows: in.rows, Bytes: in.bytes,
		Time:           later(now(), st.info.Modified),
		FeatureVersion: req.Plan.Version, Tombstones: req.Tombstones, Basis: req.Basis.Clone(),
	}
	for _, c := range added {
		c.commit = commit
	}
	st.chunks = append(st.chunks, added...)
	st.log = append(st.log, commit)
	st.info.Rows += t.supersede(st.chunks, in, commit)
	st.info.Bytes += commit.Bytes
	st.info.Generation, st.info.Modified, st.info.FeatureVersion = commit.Seq, commit.Time, commit.FeatureVersion
	if old == nil {
		st.info.Created = commit.Time
	}
	t.own(in.owned)
	kept = true
	if req.ID != "" {
		t.byID[req.ID] = written{commit, in.schema, in.chunks}
	}
	t.state.Store(st)
	return copyCommit(commit), nil
}

// accept maps the columns of the rows to those of the feature, or says why
// they do not fit. The state is nil for a feature without commits.
func (st *state) accept(req core.WriteRequest) ([]int, error) {
	if st == nil {
		if req.Tombstones {
			return nil, core.ErrFeatureNotFound
		}
		return identity(req.Rows.Schema.NumFields()), nil
	}
	rows := req.Rows.Schema
	if !slices.Equal(req.Plan.Feature.ID, st.info.ID) {
		return nil, fmt.Errorf("%w: the feature identifies samples by %v, the plan by %v", core.ErrInvalid, st.info.ID, req.Plan.Feature.ID)
	}
	if !req.Tombstones {
		return core.MatchSchema(st.info.Schema, rows)
	}
	from := make([]int, st.info.Schema.NumFields())
	for i, f := range st.info.Schema.Fields() {
		from[i] = -1 // null
		if at := rows.FieldIndices(f.Name); len(at) > 0 {
			if got := rows.Field(at[0]).Type; !arrow.TypeEqual(f.Type, got) {
				return nil, fmt.Errorf("%w: column %q is %s, the feature holds %s", core.ErrInvalid, f.Name, got, f.Type)
			}
			from[i] = at[0]
		}
	}
	return from, nil
}

// arrange gives the chunks of a write the columns of the feature.
func (t *table) arrange(in *ingest, schema *arrow.Schema, from []int) []*chunk {
	out := make([]*chunk, len(in.chunks))
	for i, c := range in.chunks {
		out[i] = &chunk{rows: c.rows, columns: make([]arrow.Array, len(from)), life: c.life}
	}
	for col, f := range schema.Fields() {
		var columns []arrow.Array
		if from[col] < 0 {
			columns = nulls(t.mem, &in.owned, f.Type, in.chunks)
		} else {
			columns = column(in.chunks, from[col])
			if st, ok := f.Type.(*arrow.StructType); ok && f.Name == core.ColDataVersion {
				columns = withContainers(t.mem, &in.owned, st, columns, in.chunks)
			}
		}
		for i := range out {
			out[i].columns[col] = columns[i]
		}
	}
	return out
}

// supersede enters the commit's rows in the index and ends the rows that they
// replace. It returns by how much the number of live samples grows.
func (t *table) supersede(chunks []*chunk, in *ingest, commit core.Commit) (live int64) {
	if !commit.Tombstones {
		live = in.rows
	}
	if t.index == nil || len(t.index.views) == 0 {
		t.index = in.index
		return live
	}
	hashes := in.hashes
	for _, c := range in.chunks {
		t.index.merge(c.life.ids, hashes[:c.rows], func(before, _ rowRef) {
			replaced := chunks[before.chunk()]
			replaced.life.end(before.row(), commit.Seq)
			if !replaced.commit.Tombstones {
				live--
			}
		})
		hashes = hashes[c.rows:]
	}
	return live
}

// later is the time of a commit: to the microsecond, as tables keep it, and not
// before the last one.
func later(now, last time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if now.Before(last) {
		return last
	}
	return now
}

func identity(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
