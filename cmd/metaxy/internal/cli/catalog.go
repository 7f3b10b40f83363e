package cli

import (
	"context"
	"encoding/json"
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

Exit code 2 says that the catalog differs from the store.`,
			Example: `  metaxy catalog ls video/
  metaxy catalog history video/crop
  metaxy catalog find "container = 'frames' AND sample_count > 1000"
  metaxy catalog verify
  metaxy catalog reconcile`,
		},
		a.catalogLsCommand(), a.catalogShowCommand(), a.catalogVersionsCommand(), a.catalogHistoryCommand(), a.catalogFindCommand(),
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

// feature gives the catalog and the key of an argument, if that may be seen and
// is there.
func (a *app) catalogued(cmd *cobra.Command, arg string) (catalog.Catalog, catalog.Entry, error) {
	key, err := core.ParseKey(arg)
	if err != nil {
		return nil, catalog.Entry{}, err
	}
	c, err := a.catalog(cmd)
	if err != nil {
		return nil, catalog.Entry{}, err
	}
	if v, ok := c.(visible); ok && !v.sees(key) {
		return nil, catalog.Entry{}, fmt.Errorf("%w: the catalog's entry of %s", core.ErrDenied, key)
	}
	e, err := c.Entry(cmd.Context(), key)
	if err == nil && !e.Known() {
		var there []string
		for f, ferr := range c.Features(cmd.Context(), catalog.Query{}) {
			if ferr != nil {
				break // the error at hand says more
			}
			there = append(there, string(f.Key))
		}
		err = fmt.Errorf("%w: the catalog knows no feature %s%s", core.ErrFeatureNotFound, key, didYouMean(string(key), there))
	}
	return c, e, err
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
			return a.print(o, l.rows())
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

// catalogView is what catalog show tells; it is its JSON as well.
type catalogView struct {
	Feature    core.FeatureKey  `json:"feature"`
	Commits    int64            `json:"commits"`
	Generation int64            `json:"generation"`
	Rows       int64            `json:"rows"`
	Samples    *int64           `json:"samples,omitempty"`
	Last       string           `json:"materialized,omitempty"`
	Keeps      string           `json:"keeps"`
	Note       string           `json:"note,omitempty"`
	Containers []containerTally `json:"containers"`
}

type containerTally struct {
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
	Versions *int64 `json:"versions,omitempty"`
}

func viewOf(e catalog.Entry) catalogView {
	v := catalogView{
		Feature: e.Key, Commits: e.Commits, Generation: e.Generation, Rows: e.Rows, Last: instant(e.Last), Note: noteOf(e),
		Keeps: map[catalog.Mode]string{catalog.Exact: "exact versions", catalog.Filter: "a filter of versions", catalog.Counts: "counts"}[e.Mode],
	}
	if e.Info.Generation == e.Generation && e.Info.Rows >= 0 {
		v.Samples = &e.Info.Rows
	}
	for _, c := range e.Containers {
		t := containerTally{Name: c.Container, Rows: c.Rows}
		if c.Versions >= 0 {
			t.Versions = &c.Versions
		}
		v.Containers = append(v.Containers, t)
	}
	return v
}

func (a *app) catalogShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show KEY",
		Short:   "Show what the catalog knows of a feature",
		Example: `  metaxy catalog show video/crop`,
		Args:    exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, e, err := a.catalogued(cmd, args[0])
			if err != nil {
				return err
			}
			v := viewOf(e)
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(v)
			}
			fmt.Fprintf(a.out, "%s: %s, %s written", v.Feature, howMany(v.Commits, "commit"), howMany(v.Rows, "row"))
			if v.Samples != nil {
				fmt.Fprintf(a.out, ", %s now", howMany(*v.Samples, "sample"))
			}
			fmt.Fprintf(a.out, "; last %s; keeps %s\n", v.Last, v.Keeps)
			if v.Note != "" {
				fmt.Fprintf(a.out, "note: %s\n", v.Note)
			}
			for _, c := range v.Containers {
				fmt.Fprintf(a.out, "  %s: %s", c.Name, howMany(c.Rows, "row"))
				if c.Versions != nil {
					fmt.Fprintf(a.out, " with %s", howMany(*c.Versions, "version"))
				}
				fmt.Fprintln(a.out)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
