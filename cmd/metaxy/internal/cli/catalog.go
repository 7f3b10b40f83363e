package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

func (a *app) catalogCommand() *cobra.Command {
	return group(
		&cobra.Command{
			Use:   "catalog",
			Short: "The index of what was materialised: look, search, compare, repair",
			Long: `Look at the catalog of a store whose configuration has a catalog table: what was
materialised, when and by whom, without touching the data. Compare it with the
store, whose commit log is the truth, and repair it.

Exit code 2 says that the catalog differs from the store, and of has that the
answer is no.`,
			Example: `  metaxy catalog ls video/
  metaxy catalog history video/crop
  metaxy catalog find "container = 'frames' AND sample_count > 1000"
  metaxy catalog verify
  metaxy catalog reconcile`,
		},
		a.catalogLsCommand(), a.catalogShowCommand(), a.catalogHasCommand(), a.catalogVersionsCommand(), a.catalogHistoryCommand(), a.catalogFindCommand(),
		a.catalogJobCommand("verify"), a.catalogJobCommand("reconcile"), a.catalogJobCommand("rebuild"),
	)
}

// keeper opens the store and gives the layer that keeps its catalog.
func (a *app) keeper(cmd *cobra.Command) (*catalog.Keeper, error) {
	if _, err := a.open(cmd); err != nil {
		return nil, err
	}
	if a.opened.Catalog == nil {
		return nil, fmt.Errorf("%w: store %s has no table [stores.%s.catalog]", core.ErrUnsupported, a.opened.Name, a.opened.Name)
	}
	return a.opened.Catalog, nil
}

// catalog is the catalog as far as whoever asks may see it: it says more of a
// feature than one who may not read all of its rows should know.
func (a *app) catalog(cmd *cobra.Command) (catalog.Catalog, error) {
	k, err := a.keeper(cmd)
	if err != nil {
		return nil, err
	}
	id, ok := identity.From(cmd.Context())
	if a.opened.Access != nil && !ok {
		return nil, core.ErrUnauthenticated
	}
	if err := a.opened.OpenCatalog(cmd.Context()); err != nil {
		return nil, err
	}
	a.unfilled = a.fill(cmd.Context(), k.Catalog())
	if a.opened.Access == nil {
		return k.Catalog(), nil
	}
	return visible{Catalog: k.Catalog(), policy: a.opened.Access.Policy(), id: id}, nil
}

// visible leaves out the features that somebody may not read as a whole.
type visible struct {
	catalog.Catalog
	policy *rbac.Policy
	id     identity.Identity
}

func (v visible) sees(key core.FeatureKey) bool {
	if v.policy.Administers(v.id, key).Allowed {
		return true
	}
	d := v.policy.Can(v.id, core.OpRead, key)
	return d.Allowed && len(d.Columns) == 0 && d.Rows == "" && v.policy.Allows(v.id, core.OpStat, key)
}

// Features yields what is visible, and counts nothing else towards a limit.
func (v visible) Features(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Entry, error] {
	return func(yield func(catalog.Entry, error) bool) {
		all, n := q, 0
		all.Limit = 0
		for e, err := range v.Catalog.Features(ctx, all) {
			if err == nil && !v.sees(e.Key) {
				continue
			}
			if n++; !yield(e, err) || n == q.Limit {
				return
			}
		}
	}
}

// seen gives the catalog and the key of an argument, if it may be seen.
func (a *app) seen(cmd *cobra.Command, arg string) (core.FeatureKey, catalog.Catalog, error) {
	key, err := core.ParseKey(arg)
	if err != nil {
		return "", nil, err
	}
	c, err := a.catalog(cmd)
	if err != nil {
		return "", nil, err
	}
	if v, ok := c.(visible); ok && !v.sees(key) {
		return "", nil, fmt.Errorf("%w: the catalog's entry of %s", core.ErrDenied, key)
	}
	return key, c, nil
}

// catalogued gives the catalog and the entry of an argument, if that may be seen
// and is there.
func (a *app) catalogued(cmd *cobra.Command, arg string) (catalog.Catalog, catalog.Entry, error) {
	key, c, err := a.seen(cmd, arg)
	if err != nil {
		return nil, catalog.Entry{}, err
	}
	e, err := c.Entry(cmd.Context(), key)
	if err != nil || e.Known() {
		return c, e, err
	}
	if a.unfilled {
		return nil, e, errUnfilled
	}
	var there []string
	for f, err := range c.Features(cmd.Context(), catalog.Query{}) {
		if err != nil {
			break // the error at hand says more
		}
		there = append(there, string(f.Key))
	}
	return nil, e, fmt.Errorf("%w: the catalog knows no feature %s%s", core.ErrFeatureNotFound, key, didYouMean(string(key), there))
}

func (a *app) catalogLsCommand() *cobra.Command {
	var o output
	var since, until, container string
	var minRows int64
	var limit int
	cmd := &cobra.Command{
		Use:   "ls [PREFIX]",
		Short: "List the features that were materialised",
		Example: `  metaxy catalog ls
  metaxy catalog ls video/ --container frames --min-rows 1000
  metaxy catalog ls --since 7d -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := catalog.Query{Prefix: strings.Join(args, ""), Container: container, MinRows: minRows, Limit: limit}
			var err error
			if q.Since, err = parsePast(since, time.Now()); err != nil {
				return usagef("--since: %w", err)
			}
			if limit < 0 {
				return usagef("--limit %d: want 0 or more", limit)
			}
			if q.Until, err = parsePast(until, time.Now()); err != nil {
				return usagef("--until: %w", err)
			}
			c, err := a.catalog(cmd)
			if err != nil {
				return err
			}
			l := newListing(textColumn("feature"), numberColumn("commits"), numberColumn("rows"), textColumn("containers"), textColumn("materialized"), textColumn("note"))
			for e, err := range c.Features(cmd.Context(), q) {
				if err != nil {
					return err
				}
				l.add(string(e.Key), e.Commits, e.Rows, containerCounts(e), instant(e.Last), noteOf(e))
			}
			if err := a.print(o, l.rows()); err != nil {
				return err
			}
			if a.unfilled {
				a.note("%v", errUnfilled)
			}
			return nil
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&since, "since", "", "materialised from this time on: a time, or how long ago, such as 12h or 7d")
	cmd.Flags().StringVar(&until, "until", "", "materialised before this time")
	cmd.Flags().StringVar(&container, "container", "", "that have rows of this container")
	cmd.Flags().Int64Var(&minRows, "min-rows", 0, "with at least so many rows written")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many (0: all)")
	return cmd
}

func containerCounts(e catalog.Entry) string {
	var out []string
	for _, c := range e.Containers {
		out = append(out, c.Container)
	}
	return strings.Join(out, ", ")
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// noteOf says why an entry is not the last word.
func noteOf(e catalog.Entry) string {
	switch {
	case len(e.Pending) > 0:
		return "being written"
	case !e.Settled():
		return "commits are missing"
	}
	return ""
}
