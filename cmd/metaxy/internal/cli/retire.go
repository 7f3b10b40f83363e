package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
	"github.com/metaxy-go/metaxy/rowio"
)

func (a *app) retireCommand() *cobra.Command {
	var in incoming
	var r retiring
	cmd := &cobra.Command{
		Use:   "retire KEY",
		Short: "Retire samples: gone from reads, kept in history",
		Long: `Write tombstones for samples. They no longer show in reads, what was computed
from them becomes orphaned, and their history stays. Writing a sample again
brings it back.

Which samples is said by exactly one of --filter, --ids and --orphaned. Where none
of these is held nothing is written.

With --dry-run exit code 2 says that something would be retired.`,
		Example: `  metaxy retire video/raw --filter "sample_id IN ('a', 'b')"
  metaxy retire video/raw --ids gone.csv
  metaxy retire video/crop --orphaned --dry-run`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.retire(cmd, args[0], in, r) },
	}
	in.flags(cmd)
	for _, hidden := range []string{"version", "hash"} {
		_ = cmd.Flags().MarkHidden(hidden)
	}
	cmd.Flags().StringVar(&r.filter, "filter", "", "the samples that meet a condition")
	cmd.Flags().StringVar(&r.ids, "ids", "", "the samples that a file lists in its id columns")
	cmd.Flags().BoolVar(&r.orphaned, "orphaned", false, "the samples whose upstream is gone")
	cmd.Flags().BoolVar(&r.dry, "dry-run", false, "count them, and write nothing")
	return cmd
}

// retiring are the flags of retire.
type retiring struct {
	filter, ids   string
	orphaned, dry bool
}

func (a *app) retire(cmd *cobra.Command, key string, in incoming, r retiring) error {
	ways := 0
	for _, set := range []bool{r.filter != "", r.ids != "", r.orphaned} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		return usagef("which samples? Give one of --filter, --ids and --orphaned")
	}
	p, err := a.plan(key)
	if err != nil {
		return err
	}
	e, err := filter(r.filter)
	if err != nil {
		return err
	}
	s, err := a.open(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	var ids core.Rows
	switch {
	case r.orphaned:
		if p.Root() {
			return usagef("feature %s has no upstream: nothing of it is orphaned", key)
		}
		inc, err := s.Resolve(ctx, core.ResolveRequest{Plan: p, Local: a.local})
		if err != nil {
			return err
		}
		ids = inc.Orphaned
	case r.ids != "":
		held, err := heldSchema(ctx, s, p.Key())
		if err != nil {
			return err
		}
		if ids, err = in.open(a, r.ids, nil, held); err != nil {
			return err
		}
		if ids, err = rowio.Project(ids, p.Feature.ID...); err != nil {
			return err
		}
		if ids, err = a.heldAmong(ctx, s, p, ids); err != nil {
			return a.near(ctx, s, p.Key(), err)
		}
	default:
		// Read whole before it is written to.
		if ids, err = collected(ctx, s, core.ReadRequest{Key: p.Key(), Columns: p.Feature.ID, Filter: e, Local: true}); err != nil {
			return a.near(ctx, s, p.Key(), err)
		}
	}
	n, err := ids.Count()
	switch {
	case err != nil:
		return err
	case n == 0:
		a.say("%s: no sample is held that matches, nothing was written", key)
		return nil
	case r.dry:
		a.say("%s: would retire %d samples", key, n)
		return errStale
	}
	bar := a.progress("retiring from "+key, -1)
	defer bar.done()
	c, err := resolve.Retire(ctx, s, p, bar.rows(ids))
	bar.done()
	if err != nil {
		return err
	}
	a.say("%s: commit %d, %d samples retired", key, c.Seq, c.Rows)
	return nil
}

// collected reads rows into memory.
func collected(ctx context.Context, s core.Store, req core.ReadRequest) (core.Rows, error) {
	rows, err := s.Read(ctx, req)
	if err != nil {
		return core.Rows{}, err
	}
	batches, err := rows.Collect()
	if err != nil {
		return core.Rows{}, err
	}
	return core.RowsOf(rows.Schema, batches...), nil
}
