package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/rowio"
)

// sync brings a root feature to what samples say: it writes what is new or
// stale and, when wanted, retires what vanished.
type sync struct {
	store    core.Store
	plan     *core.Plan
	samples  core.Rows
	commitID string
	retire   bool
	vanished func(core.Rows) (core.Rows, error) // narrows what is retired; nil retires all
	dry      bool
	local    bool
}

// synced is what a sync did, or would do.
type synced struct {
	stats   core.Stats
	retired int64
	commits []core.Commit
}

func (s synced) clean() bool { return s.stats.New == 0 && s.stats.Stale == 0 && s.retired == 0 }

func (s synced) String() string {
	parts := []string{
		fmt.Sprintf("%d new", s.stats.New), fmt.Sprintf("%d stale", s.stats.Stale),
		fmt.Sprintf("%d vanished", s.retired), fmt.Sprintf("%d unchanged", s.stats.Unchanged),
	}
	return strings.Join(parts, ", ")
}

func (s sync) run(ctx context.Context) (synced, error) {
	var columns, carried []string
	for _, f := range s.samples.Schema.Fields() {
		columns = append(columns, f.Name)
		if f.Name != core.ColDataVersion && !slices.Contains(s.plan.Feature.ID, f.Name) {
			carried = append(carried, f.Name)
		}
	}
	inc, err := s.store.Resolve(ctx, core.ResolveRequest{Plan: s.plan, Samples: s.samples, Columns: carried, Local: s.local})
	if err != nil {
		return synced{}, err
	}
	out := synced{stats: inc.Stats}
	gone := inc.Orphaned
	if s.retire {
		if s.vanished != nil {
			if gone, err = s.vanished(gone); err != nil {
				return out, err
			}
		}
		if out.retired, err = gone.Count(); err != nil {
			return out, err
		}
	}
	if s.dry {
		return out, nil
	}
	if inc.Stats.New+inc.Stats.Stale > 0 {
		rows, err := together(columns, inc.New, inc.Stale)
		if err != nil {
			return out, err
		}
		c, err := s.store.Write(ctx, core.WriteRequest{Plan: s.plan, ID: s.commitID, Rows: rows})
		if err != nil {
			return out, err
		}
		out.commits = append(out.commits, c)
	}
	if out.retired > 0 {
		c, err := resolve.Retire(ctx, s.store, s.plan, gone)
		if err != nil {
			return out, err
		}
		out.commits = append(out.commits, c)
	}
	return out, nil
}

// together joins rows that have the columns in common.
func together(columns []string, parts ...core.Rows) (core.Rows, error) {
	var out core.Rows
	for i, p := range parts {
		p, err := rowio.Project(p, columns...)
		if err != nil {
			return core.Rows{}, err
		}
		parts[i] = p
	}
	out.Schema, out.Replayable = parts[0].Schema, true
	for _, p := range parts {
		out.Replayable = out.Replayable && p.Replayable
	}
	out.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		for _, p := range parts {
			for b, err := range p.All() {
				if !yield(b, err) {
					return
				}
			}
		}
	}
	return out, nil
}
