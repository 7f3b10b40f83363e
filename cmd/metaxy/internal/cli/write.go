package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

func (a *app) writeCommand() *cobra.Command {
	var in incoming
	var w writing
	cmd := &cobra.Command{
		Use:   "write KEY FILE",
		Short: "Write a file's rows as one commit",
		Long: `Write the rows of a CSV, JSON lines, Parquet or Arrow file, or of stdin ("-"),
as one commit.

The rows hold the feature's id columns, data_version (in CSV as columns such as
data_version.frames) and any other columns. Without data_version

  - a root feature's versions come from --version and --hash;
  - any other feature's are computed from what its upstream holds. Samples that
    the upstream lacks are left out; exit code 2 says that these were all.

Columns that the feature does not hold yet are added with metaxy evolve first.

With --changed only the samples of a root feature that are new or whose versions
differ are written, and with --retire those that the file lacks are retired.`,
		Example: `  metaxy write video/raw videos.parquet
  metaxy write openmoji/source openmoji.csv --version color=color_sha256 --hash text=annotation,tags
  metaxy write openmoji/source openmoji.csv --version default=color_sha256 --changed --retire
  jq -c '.[]' rows.json | metaxy write video/raw - --from json`,
		Args: exactly("KEY", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.write(cmd, args[0], args[1], in, w) },
	}
	in.flags(cmd)
	cmd.Flags().StringVar(&w.commitID, "commit-id", "", "makes the write idempotent: the same id again writes nothing")
	cmd.Flags().BoolVar(&w.changed, "changed", false, "write only what is new or has other versions (root features)")
	cmd.Flags().BoolVar(&w.retire, "retire", false, "with --changed: retire the samples that the file lacks")
	cmd.Flags().BoolVar(&w.dry, "dry-run", false, "with --changed: say what would be written, and write nothing")
	return cmd
}

// writing are the flags of write.
type writing struct {
	commitID             string
	changed, retire, dry bool
}

func (a *app) write(cmd *cobra.Command, key, path string, in incoming, w writing) error {
	if (w.retire || w.dry) && !w.changed {
		return usagef("--retire and --dry-run go with --changed")
	}
	p, err := a.plan(key)
	if err != nil {
		return err
	}
	s, err := a.open(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	held, err := heldSchema(ctx, s, p.Key())
	if err != nil {
		return err
	}
	rows, err := in.open(a, path, p, held)
	if err != nil {
		return err
	}
	bar := a.progress("writing "+key, -1)
	defer bar.done()
	rows = bar.rows(rows)
	if w.changed {
		if !p.Root() {
			return usagef("--changed is for root features: metaxy resolve %s tells what to compute", key)
		}
		if !rows.Schema.HasField(core.ColDataVersion) {
			return errNoVersions(p)
		}
		done, err := sync{store: s, plan: p, samples: rows, commitID: w.commitID, retire: w.retire, dry: w.dry, local: true}.run(ctx)
		bar.done()
		if err != nil {
			return evolveFirst(err, p.Key(), held, rows.Schema)
		}
		return a.saySynced(p.Key(), done, w.dry)
	}
	c, err := a.append(ctx, s, p, rows, w.commitID)
	bar.done()
	switch {
	case err != nil:
		return evolveFirst(err, p.Key(), held, rows.Schema)
	case c.Commit.Seq > 0:
		a.say("%s: commit %d, %d rows", p.Key(), c.Commit.Seq, c.Commit.Rows)
		return nil
	case c.Missing > 0:
		a.say("%s: nothing was written", p.Key())
		return errStale
	}
	a.say("%s: nothing was written, %s has no rows", p.Key(), path)
	return nil
}

// append writes all rows, computing the versions of a feature with upstream if
// they are not there.
func (a *app) append(ctx context.Context, s core.Store, p *core.Plan, rows core.Rows, id string) (resolve.Calculated, error) {
	if rows.Schema.HasField(core.ColDataVersion) {
		c, err := s.Write(ctx, core.WriteRequest{Plan: p, ID: id, Rows: rows})
		return resolve.Calculated{Commit: c, Written: c.Rows}, err
	}
	if p.Root() {
		return resolve.Calculated{}, errNoVersions(p)
	}
	if id != "" {
		return resolve.Calculated{}, usagef("--commit-id: not with versions computed here")
	}
	opts := []resolve.Option{}
	if a.local {
		opts = append(opts, resolve.Local())
	}
	c, err := resolve.CalculateAndWrite(ctx, s, p, rows, opts...)
	if err == nil && c.Missing > 0 {
		fmt.Fprintf(a.err, "metaxy: %s without the rows that %s needs of %s: not written\n", howMany(c.Missing, "sample"), p.Key(), required(p))
	}
	return c, err
}

// required lists the upstream features without which there is no sample.
func required(p *core.Plan) string {
	var names []string
	for _, u := range p.Upstream {
		if !u.Optional {
			names = append(names, string(u.Feature))
		}
	}
	return strings.Join(names, ", ")
}

func errNoVersions(p *core.Plan) error {
	return usagef("the rows have no data_version: say where the versions of %v come from with --version or --hash", p.ContainerNames())
}

// heldSchema gives the columns of a feature that this store holds, nil when it
// holds nothing.
func heldSchema(ctx context.Context, s core.Store, key core.FeatureKey) (*arrow.Schema, error) {
	info, err := s.Stat(ctx, core.StatRequest{Key: key, Local: true})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil, nil
	}
	return info.Schema, err
}

// saySynced tells what a sync did. A dry run that found something is stale.
func (a *app) saySynced(key core.FeatureKey, done synced, dry bool) error {
	if dry {
		a.say("%s: would write and retire: %s", key, done)
		if !done.clean() {
			return errStale
		}
		return nil
	}
	a.say("%s: %s", key, done)
	return nil
}
