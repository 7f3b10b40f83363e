package cli

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// asking are the flags that say which events are meant.
type asking struct {
	identity, feature, since, until string
	decision, outcome, part         string
	ops                             []string
	limit                           int
	asJSON                          bool
}

func (q *asking) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&q.identity, "identity", "", "of this user or service, such as user:ann")
	f.StringSliceVar(&q.ops, "op", nil, "of these operations: write, read, resolve, list, stat, evolve, or admin for changes of the policy")
	f.StringVar(&q.feature, "feature", "", "of features whose key begins so, such as video/")
	f.StringVar(&q.decision, "decision", "", "allow or deny")
	f.StringVar(&q.outcome, "outcome", "", "how it ended: ok, stopped, canceled, or an error such as not_found")
	f.StringVar(&q.part, "part", "", "decision, outcome, grant, revoke or keys")
	f.StringVar(&q.since, "since", "", "from this time on: a time, or how long ago, such as 12h or 7d")
	f.StringVar(&q.until, "until", "", "before this time")
	f.BoolVar(&q.asJSON, "json", false, "print a JSON object a line")
}

func (q *asking) query(now time.Time) (audit.Query, error) {
	out := audit.Query{
		Identity: q.identity, Feature: q.feature, Decision: q.decision, Outcome: q.outcome, Part: q.part, Limit: q.limit,
	}
	for _, word := range q.ops {
		op, admin, err := operation(word)
		if err != nil {
			return out, err
		}
		if admin {
			op = 0
		}
		out.Ops = append(out.Ops, op)
	}
	words := []string{rbac.Allow, rbac.Deny}
	if q.decision != "" && q.decision != words[0] && q.decision != words[1] {
		return out, usagef("--decision %s: want %s%s", q.decision, strings.Join(words, " or "), didYouMean(q.decision, words))
	}
	if q.identity != "" {
		if _, err := person(q.identity, nil); err != nil {
			return out, err
		}
	}
	var err error
	if out.From, err = parsePast(q.since, now); err != nil {
		return out, usagef("--since: %w", err)
	}
	if out.To, err = parsePast(q.until, now); err != nil {
		return out, usagef("--until: %w", err)
	}
	return out, nil
}

func (a *app) auditSearchCommand(t *trail) *cobra.Command {
	var q asking
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Find events of the trail, oldest first",
		Long: `Find events of the trail, oldest first: time, who, what, the decision, how it ended,
rows, duration, and the rule that decided. A damaged line ends the search; whether
all the lines are the ones that were written is for verify to say.`,
		Example: `  metaxy audit search --identity user:bob --decision deny
  metaxy audit search --op write,evolve --feature video/ --since 7d
  metaxy audit search --op admin --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.searchTrail(t, q, func(dir string, query audit.Query) iter.Seq2[audit.Record, error] {
				return audit.Search(cmd.Context(), dir, query)
			})
		},
	}
	q.flags(cmd)
	cmd.Flags().IntVar(&q.limit, "limit", 0, "at most so many (default: all)")
	return cmd
}

// followInterval is how often tail -f looks.
const followInterval = 500 * time.Millisecond

func (a *app) auditTailCommand(t *trail) *cobra.Command {
	var q asking
	var follow bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show the last events, and with -f those that come",
		Example: `  metaxy audit tail
  metaxy audit tail -f --decision deny
  metaxy audit tail -n 100 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.searchTrail(t, q, func(dir string, query audit.Query) iter.Seq2[audit.Record, error] {
				return tailed(cmd.Context(), dir, query, follow)
			})
		},
	}
	q.flags(cmd)
	cmd.Flags().IntVarP(&q.limit, "lines", "n", 10, "so many of the last events")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with the events that come, until interrupted")
	return cmd
}

// tailed yields the last events, and those that come after them.
func tailed(ctx context.Context, dir string, q audit.Query, follow bool) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		last := q
		if q.Limit == 0 { // only what comes
			last = audit.Query{Limit: 1}
		}
		for r, err := range audit.Tail(ctx, dir, last) {
			if (err != nil || q.Limit > 0) && !yield(r, err) || err != nil {
				return
			}
			q.Since = r.Seq
		}
		q.Limit = 0
		followed(ctx, dir, q, follow)(yield)
	}
}

// followed yields what comes until the user has had enough.
func followed(ctx context.Context, dir string, q audit.Query, follow bool) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		if !follow {
			return
		}
		for r, err := range audit.Follow(ctx, dir, q, followInterval) {
			if err != nil && ctx.Err() != nil {
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (a *app) searchTrail(t *trail, q asking, events func(string, audit.Query) iter.Seq2[audit.Record, error]) error {
	if q.limit < 0 {
		return usagef("a limit of %d events", q.limit)
	}
	query, err := q.query(time.Now())
	if err != nil {
		return err
	}
	dir, err := t.folder(a)
	if err != nil {
		return err
	}
	for r, err := range events(dir, query) {
		if err == nil {
			err = a.printEvent(r, q.asJSON)
		}
		if errors.Is(err, core.ErrIntegrity) {
			return errors.Join(err, errDamagedTrail)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errDamagedTrail = errors.New("metaxy audit verify says what is wrong with the trail")
