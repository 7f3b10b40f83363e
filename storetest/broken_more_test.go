package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// allocator is for memory that the broken stores may lose: nobody counts it.
var allocator = memory.NewGoAllocator()

func brokenResolves() map[string]brokenCase {
	return map[string]brokenCase{
		"loses_a_stale_sample": {"Resolve/S1_native_equals_universal", "answers a filter with everything", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				if req.Filter != nil && req.Check() == nil {
					req.Filter = nil
				}
				return next.Resolve(ctx, req)
			})},
		"resolve_not_idempotent": {"Resolve/S2_idempotent", "remembers that it answered", func(next core.Store) core.Store {
			var asked atomic.Int64
			return breakResolve(func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				inc, err := next.Resolve(ctx, req)
				inc.Stats.Unchanged += asked.Add(1) - 1
				return inc, err
			})(next)
		}},
		"orphans_everything_else": {"Resolve/S4_orphaned_only_within_the_view", "reports orphans outside the filter", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				inc, err := next.Resolve(ctx, req)
				if err != nil || req.Filter == nil {
					return inc, err
				}
				req.Filter = nil
				all, err := next.Resolve(ctx, req)
				inc.Orphaned, inc.Stats.Orphaned = all.Orphaned, all.Stats.Orphaned
				return inc, err
			})},
		"counts_missing_as_new": {"Resolve/S7_missing_upstream_is_counted_not_written", "takes samples without upstream for new", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				inc, err := next.Resolve(ctx, req)
				inc.Stats.New += inc.Stats.Missing
				inc.Stats.Missing = 0
				return inc, err
			})},
		"keeps_orphans": {"Resolve/S8a_retired_upstream_orphans_downstream", "never reports an orphan", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				inc, err := next.Resolve(ctx, req)
				inc.Orphaned, inc.Stats.Orphaned = core.RowsOf(inc.Orphaned.Schema), 0
				return inc, err
			})},
		"code_version_forgotten": {"Resolve/S5_golden_digests", "resolves under the code version 1 always", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				if req.Plan.Validate() == nil {
					p := *req.Plan
					p.Containers = append([]core.ContainerPlan(nil), p.Containers...)
					for i := range p.Containers {
						p.Containers[i].Code = "1"
					}
					req.Plan = &p
				}
				return next.Resolve(ctx, req)
			})},
		"stale_by_everything": {"Resolve/S6_a_container_touches_only_its_dependents", "says that every container of a stale sample differs", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				inc, err := next.Resolve(ctx, req)
				for _, c := range req.Plan.ContainerNames() {
					if inc.Stats.Stale > 0 {
						inc.Stats.StaleBy[c] = inc.Stats.Stale
					}
				}
				return inc, err
			})},
		"swallows_dependency_errors": {"Resolve/S7_missing_upstream_is_counted_not_written", "answers a missing upstream with nothing to do", breakResolve(
			func(next core.Store, ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
				inc, err := next.Resolve(ctx, req)
				if errors.Is(err, core.ErrDependency) {
					return core.Increment{}, nil
				}
				return inc, err
			})},
	}
}

func brokenOthers() map[string]brokenCase {
	return map[string]brokenCase{
		"list_out_of_order": {"ListStat/L1_key_order_and_prefix", "lists in the opposite order", breakList(
			func(next core.Store, ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
				return func(yield func(core.Info, error) bool) {
					var infos []core.Info
					for info, err := range next.List(ctx, req) {
						if err != nil {
							yield(info, err)
							return
						}
						infos = append(infos, info)
					}
					for i := range infos {
						if !yield(infos[len(infos)-1-i], nil) {
							return
						}
					}
				}
			})},
		"list_swallows_errors": {"ListStat/L2_an_error_is_the_last_element", "ends a list that failed without a word", breakList(
			func(next core.Store, ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
				return func(yield func(core.Info, error) bool) {
					for info, err := range next.List(ctx, req) {
						if err != nil || !yield(info, nil) {
							return
						}
					}
				}
			})},
		"stat_counts_commits": {"ListStat/L3_stat_equals_what_is_read", "counts every row ever written", breakStat(
			func(next core.Store, ctx context.Context, req core.StatRequest) (core.Info, error) {
				commits := req.Commits
				req.Commits = -1
				info, err := next.Stat(ctx, req)
				info.Rows = 0
				for _, c := range info.Log {
					info.Rows += c.Rows
				}
				if err == nil && commits >= 0 {
					info.Log = info.Log[max(0, len(info.Log)-commits):]
				}
				return info, err
			})},
		"evolve_ignores_base": {"Evolve/E5_stale_base_is_conflict", "migrates whatever the caller saw", breakEvolve(
			func(next core.Store, ctx context.Context, req core.EvolveRequest) (core.Info, error) {
				if info, err := next.Stat(ctx, core.StatRequest{Key: req.Key}); err == nil {
					req.Base = info.SchemaVersion
				}
				return next.Evolve(ctx, req)
			})},
		"evolve_by_halves": {"Evolve/E4_refused_change_leaves_the_schema", "makes the changes one by one", breakEvolve(
			func(next core.Store, ctx context.Context, req core.EvolveRequest) (core.Info, error) {
				if len(req.Changes) < 2 {
					return next.Evolve(ctx, req)
				}
				var info core.Info
				var err error
				for i, c := range req.Changes {
					if info, err = next.Evolve(ctx, core.EvolveRequest{Key: req.Key, Base: req.Base + i, Changes: []core.SchemaChange{c}}); err != nil {
						return info, err
					}
				}
				return info, nil
			})},
		"two_sentinels": {"Errors/X1_exactly_one_sentinel", "says that an invalid request is a conflict too", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if errors.Is(err, core.ErrInvalid) {
					err = fmt.Errorf("%w (%w)", err, core.ErrConflict)
				}
				return rows, err
			})},
		"quotes_values": {"Errors/X1_exactly_one_sentinel", "prints the filter in its errors", breakRead(
			func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				rows, err := next.Read(ctx, req)
				if err != nil && req.Filter != nil {
					err = fmt.Errorf("%w: filter %s", err, req.Filter)
				}
				return rows, err
			})},
		"bare_sentinels": {"Errors/X2_error_names_op_and_key", "returns sentinels without op and key", breakStat(
			func(next core.Store, ctx context.Context, req core.StatRequest) (core.Info, error) {
				info, err := next.Stat(ctx, req)
				if errors.Is(err, core.ErrFeatureNotFound) {
					err = core.ErrFeatureNotFound
				}
				return info, err
			})},
		"ignores_ended_contexts": {"Errors/X3_ended_context_does_nothing", "answers Stat whatever the context says", breakStat(
			func(next core.Store, ctx context.Context, req core.StatRequest) (core.Info, error) {
				return next.Stat(context.WithoutCancel(ctx), req)
			})},
		"close_once": {"Errors/X5_close_is_idempotent_then_closed", "fails the second Close", func(next core.Store) core.Store {
			var closed atomic.Int64
			b := &broken{next: next}
			b.close = func() error {
				if closed.Add(1) == 2 {
					return errors.New("closed already")
				}
				return next.Close()
			}
			return b
		}},
		"lower_cases_keys": {"Errors/X6_hostile_keys_are_invalid", "takes a hostile key for a missing feature", breakStat(
			func(next core.Store, ctx context.Context, req core.StatRequest) (core.Info, error) {
				if req.Key.Validate() != nil {
					return core.Info{}, core.WrapError(core.OpStat, "", "broken", core.ErrFeatureNotFound)
				}
				return next.Stat(ctx, req)
			})},
		"torn_reads": {"Concurrency/C1_linearizable_per_feature", "forgets the last commit now and then", func(next core.Store) core.Store {
			var n atomic.Int64
			return breakRead(func(next core.Store, ctx context.Context, req core.ReadRequest) (core.Rows, error) {
				if info, err := next.Stat(ctx, core.StatRequest{Key: req.Key}); err == nil && info.Generation > 1 && n.Add(1)%2 == 0 {
					req.AsOf = core.AtCommit(info.Generation - 1)
				}
				return next.Read(ctx, req)
			})(next)
		}},
		"claims_durability": {"Capabilities/K2_claimed_means_works", "claims that commits survive the process", func(next core.Store) core.Store {
			b := &broken{next: next}
			b.capabilities = func() core.Capabilities {
				c := next.Capabilities()
				c.Durable = true
				return c
			}
			return b
		}},
		"capabilities_vary": {"Capabilities/K1_constant", "answers differently after Close", func(next core.Store) core.Store {
			b := &broken{next: next}
			var closed atomic.Bool
			b.capabilities = func() core.Capabilities {
				c := next.Capabilities()
				if closed.Load() {
					c.PushFilters = expr.Kind(0)
				}
				return c
			}
			b.close = func() error { closed.Store(true); return next.Close() }
			return b
		}},
		"denies_evolve_wrongly": {"Capabilities/K3_not_claimed_means_unsupported", "does not claim Evolve and migrates", func(next core.Store) core.Store {
			b := &broken{next: next}
			b.capabilities = func() core.Capabilities {
				c := next.Capabilities()
				c.Evolve = 0
				return c
			}
			return b
		}},
	}
}
