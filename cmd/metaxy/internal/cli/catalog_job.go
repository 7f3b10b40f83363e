package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// catalogJob is a comparison of the catalog with the store.
type catalogJob struct {
	verb     string
	job      catalog.Job
	after    string
	asJSON   bool
	setAside bool
}

func (a *app) catalogJobCommand(verb string) *cobra.Command {
	j := &catalogJob{verb: verb}
	cmd := map[string]*cobra.Command{
		"verify": {
			Use:   "verify [PREFIX]",
			Short: "Compare the catalog with the store; exit code 2 when they differ",
			Long: `Compare the catalog with the store and change nothing: generations and schemas of
all features and, of the share that --sample says, commits and the versions of
all rows, which are counted again.

Exit code 2 says that they differ. Where it was interrupted, --after goes on.`,
			Example: `  metaxy catalog verify
  metaxy catalog verify --sample 0.05
  metaxy catalog verify video/ --rows-per-second 100000 --json`,
		},
		"reconcile": {
			Use:   "reconcile [PREFIX]",
			Short: "Repair the catalog by the store's commit log",
			Long: `Compare the catalog with the store and repair what differs: commits that are not
registered are, and a feature that does not fit the store is registered anew. It
may be interrupted anywhere and made again; exit code 0 says that they agree now.`,
			Example: `  metaxy catalog reconcile
  metaxy catalog reconcile video/ --sample 1`,
		},
		"rebuild": {
			Use:   "rebuild [PREFIX]",
			Short: "Register every feature anew from the store",
			Long: `Register every feature anew from the store, and forget those that the store does
not hold. The versions of all rows are read. With --set-aside a damaged file of a
catalog in SQLite is renamed first, so that a new one takes its place; no other
program may have it open. A file that is whole is not renamed.`,
			Example: `  metaxy catalog rebuild
  metaxy catalog rebuild --set-aside`,
		},
	}[verb]
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		j.job.Prefix, j.job.After = strings.Join(args, ""), core.FeatureKey(j.after)
		if err := j.check(); err != nil {
			return err
		}
		return a.runJob(cmd, j)
	}
	f := cmd.Flags()
	sample := 1.0
	if verb == "reconcile" {
		sample = 0
	}
	if verb != "rebuild" {
		f.Float64Var(&j.job.Sample, "sample", sample, "share of the features, 0 to 1, whose commits and versions are compared one by one")
		f.Uint64Var(&j.job.Seed, "seed", 0, "which features a sample takes (0: chosen anew)")
	} else {
		f.BoolVar(&j.setAside, "set-aside", false, "rename the damaged file of a catalog in SQLite first")
	}
	f.StringVar(&j.after, "after", "", "go on behind this feature")
	f.IntVar(&j.job.Limit, "limit", 0, "look at no more features than this (0: all)")
	f.Float64Var(&j.job.FeaturesPerSecond, "features-per-second", 0, "bound on the load (0: none)")
	f.Float64Var(&j.job.RowsPerSecond, "rows-per-second", 0, "bound on the load (0: none)")
	if verb != "verify" {
		f.BoolVar(&j.job.AllowDrop, "force", false, "forget features that the store does not hold even if they are most of the catalog")
		f.DurationVar(&j.job.AbandonAfter, "abandon-after", catalog.DefaultAbandonAfter, "age from which the writer of an unfinished intent is taken for dead")
	}
	f.BoolVar(&j.asJSON, "json", false, "print JSON")
	return cmd
}

// check names the flag that is wrong.
func (j *catalogJob) check() error {
	switch {
	case j.job.Limit < 0:
		return usagef("--limit %d: want 0 or more", j.job.Limit)
	case j.job.Sample < 0 || j.job.Sample > 1:
		return usagef("--sample %v: want a share between 0 and 1", j.job.Sample)
	case j.job.FeaturesPerSecond < 0:
		return usagef("--features-per-second %v: want 0 or more", j.job.FeaturesPerSecond)
	case j.job.RowsPerSecond < 0:
		return usagef("--rows-per-second %v: want 0 or more", j.job.RowsPerSecond)
	case j.setAside && (j.job.Prefix != "" || j.job.After != ""):
		return usagef("--set-aside begins a new catalog: leave the prefix and --after out, or the rest is missing in it")
	}
	return nil
}

// runJob asks first of all, where a store asks who one is: a comparison names
// every feature, whatever the catalog knows of it.
func (a *app) runJob(cmd *cobra.Command, j *catalogJob) error {
	if j.setAside {
		if err := a.setCatalogAside(cmd); err != nil {
			return err
		}
	}
	k, err := a.keeper(cmd)
	if err != nil {
		return err
	}
	ctx, differ := cmd.Context(), false
	err = a.opened.MaintainCatalog(ctx, j.verb, func() (err error) {
		differ, err = a.compare(ctx, k, j)
		return err
	})
	if err == nil && differ {
		return errStale
	}
	return err
}

// compare does the job and reports whether it was asked for a difference and
// found one.
func (a *app) compare(ctx context.Context, k *catalog.Keeper, j *catalogJob) (differ bool, err error) {
	if err := a.opened.OpenCatalog(ctx); err != nil {
		return false, err
	}
	bar := a.progress(j.verb, -1)
	defer bar.done()
	j.job.Progress = func(r catalog.Report) { bar.at(r.Checked, -1) }
	run := map[string]func(context.Context, catalog.Job) (catalog.Report, error){"verify": k.Verify, "reconcile": k.Reconcile, "rebuild": k.Rebuild}[j.verb]
	report, err := run(ctx, j.job)
	bar.done()
	if err != nil {
		if errors.Is(err, core.ErrConflict) && report.Checked == 0 && !j.job.AllowDrop {
			return false, fmt.Errorf("%w (--force does)", err)
		}
		if report.Cursor != "" {
			err = fmt.Errorf("%w (--after %s goes on)", err, report.Cursor)
		}
		return false, err
	}
	if err := a.matched(ctx, k, j, report); err != nil {
		return false, err
	}
	return j.verb == "verify" && !report.Drift.Clean(), a.printJob(j, report)
}

// matched refuses a job that looked at nothing because of a mistyped prefix or
// cursor: "no drift" would be said of what does not exist. A cursor may well be
// the last feature.
func (a *app) matched(ctx context.Context, k *catalog.Keeper, j *catalogJob, r catalog.Report) error {
	after, prefix := j.job.After, j.job.Prefix
	if r.Checked > 0 || after == "" && prefix == "" {
		return nil
	}
	if after == "" {
		return fmt.Errorf("%w: no feature begins with %s", core.ErrFeatureNotFound, prefix)
	}
	there, err := k.HasFeature(ctx, after)
	if err == nil && (!there || !strings.HasPrefix(string(after), prefix)) {
		err = fmt.Errorf("%w: --after %s: nothing comes behind it, and there is no such feature", core.ErrFeatureNotFound, after)
	}
	return err
}

func (a *app) printJob(j *catalogJob, r catalog.Report) error {
	if j.asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(a.out, "%s  %s: %s\n", f.Kind, f.Key, f.Text)
	}
	summary := fmt.Sprintf("%s compared", howMany(r.Checked, "feature"))
	switch {
	case j.verb == "rebuild":
		summary = fmt.Sprintf("%s registered anew, %s", howMany(r.Repaired, "feature"), howMany(r.Commits, "commit"))
	case j.verb == "reconcile":
		summary += fmt.Sprintf(", %d repaired, %s registered", r.Repaired, howMany(r.Commits, "commit"))
	case len(r.Findings) == 0:
		summary += ", no drift"
	default:
		summary += fmt.Sprintf(", %d differ", len(r.Findings))
	}
	switch {
	case r.Sampled == 0 || r.Sampled == r.Checked:
	case !r.Whole():
		summary += fmt.Sprintf("; %d in depth (seed %d)", r.Sampled, r.Seed)
	default:
		summary += fmt.Sprintf("; %d in depth (seed %d): a drift in 1%% of the features is missed with a probability of at most %.2g", r.Sampled, r.Seed, r.MissProbability(0.01))
	}
	if r.Pending > 0 {
		summary += fmt.Sprintf("; %s with a write that did not end", howMany(r.Pending, "feature"))
	}
	a.say("%s", summary)
	if !r.Done {
		a.say("--after %s goes on", r.Cursor)
	}
	return nil
}
