package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// Verify compares the catalog with the store and changes nothing. It may be
// ended at any feature, by ctx or Job.Limit, and goes on from Report.Cursor.
func (k *Keeper) Verify(ctx context.Context, job Job) (Report, error) {
	return k.run(ctx, job, false, func(ctx context.Context, s *store, p pair, w *work) error {
		f, rows, err := s.examine(ctx, p, w.deep, &w.patience, w.pace)
		w.report.Rows += rows
		if err != nil {
			return err
		}
		if f.Kind != 0 {
			w.report.found(f)
		}
		return nil
	})
}

// Reconcile compares and repairs: commits that are not registered are, by the
// store's log, and a feature that does not fit the store is registered anew.
// The findings tell what there was to repair. A catalog whose features the store
// lacks for the most part is not touched: see Job.AllowDrop.
func (k *Keeper) Reconcile(ctx context.Context, job Job) (Report, error) {
	return k.run(ctx, job, true, func(ctx context.Context, s *store, p pair, w *work) error {
		mark := s.mark()
		if s.doubted(p.key) { // the lists may be older than the doubt
			var err error
			if p, err = s.look(ctx, p.key); err != nil {
				return err
			}
		}
		f, rows, err := s.examine(ctx, p, w.deep, &w.patience, w.pace)
		w.report.Rows += rows
		if err != nil {
			return err
		}
		if f.Kind != 0 {
			w.report.found(f)
			done, err := s.mend(ctx, f, repairing{unlimited: true, replace: true, pace: w.pace})
			w.report.Commits, w.report.Rows = w.report.Commits+done.commits, w.report.Rows+done.rows
			if err != nil {
				return err
			}
			w.report.Repaired++
		}
		if f.Kind == 0 && len(p.entry.Pending) == 0 && !s.doubted(p.key) {
			return nil
		}
		return s.conclude(ctx, p.key, mark, w.job.AbandonAfter)
	})
}

// Rebuild registers every feature anew from the store, and forgets those that
// the store does not hold. It reads the versions of all rows. Who wrote a commit
// is kept where the catalog still tells. When it is ended midway, Reconcile
// completes the feature that it was at.
func (k *Keeper) Rebuild(ctx context.Context, job Job) (Report, error) {
	return k.run(ctx, job, true, func(ctx context.Context, s *store, p pair, w *work) error {
		mark := s.mark()
		done, err := s.mend(ctx, Finding{Key: p.key, Kind: Different}, repairing{unlimited: true, replace: true, pace: w.pace})
		w.report.Commits, w.report.Rows = w.report.Commits+done.commits, w.report.Rows+done.rows
		if err != nil {
			return err
		}
		w.report.Repaired++
		return s.conclude(ctx, p.key, mark, w.job.AbandonAfter)
	})
}

// mend makes a feature in the catalog what it is in the store.
func (s *store) mend(ctx context.Context, f Finding, how repairing) (repaired, error) {
	if f.Kind == Different {
		return s.rebuild(ctx, f.Key, how)
	}
	return s.repair(ctx, f.Key, how)
}

// work is a job in progress.
type work struct {
	job      Job
	report   Report
	pace     *pacer
	patience int
	deep     bool // for the feature at hand
}

// run walks over the features of both sides.
func (k *Keeper) run(ctx context.Context, job Job, mends bool, each func(context.Context, *store, pair, *work) error) (Report, error) {
	s, err := k.only()
	if err != nil {
		return Report{}, err
	}
	if job.Sample < 0 || job.Sample > 1 || job.FeaturesPerSecond < 0 || job.RowsPerSecond < 0 || job.Limit < 0 {
		return Report{}, fmt.Errorf("%w: catalog: a sample of %v, limits of %v features and %v rows a second", core.ErrInvalid, job.Sample, job.FeaturesPerSecond, job.RowsPerSecond)
	}
	if job.Seed == 0 && job.Sample > 0 && job.Sample < 1 {
		job.Seed = rand.Uint64() //nolint:gosec // which features are looked at is no secret
	}
	if job.AbandonAfter == 0 {
		job.AbandonAfter = DefaultAbandonAfter
	}
	if mends && !job.AllowDrop {
		if err := s.guard(ctx, job.Prefix); err != nil {
			return Report{Cursor: job.After}, err
		}
	}
	began := k.options.now()
	w := &work{job: job, pace: newPacer(job), patience: 20}
	w.report.Seed, w.report.Cursor, w.report.After = job.Seed, job.After, job.After
	defer func() { k.looked(s, w, mends, began) }()
	for p, err := range s.pairs(ctx, job.Prefix, job.After) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			w.deep = job.sampled(p.key)
			err = each(ctx, s, p, w)
		}
		if err != nil {
			return w.report, fmt.Errorf("catalog: after feature %q: %w", string(w.report.Cursor), err)
		}
		w.report.Checked++
		if w.deep {
			w.report.Sampled++
		}
		if len(p.entry.Pending) > 0 {
			w.report.Pending++
		}
		w.report.Cursor = p.key
		if job.Progress != nil {
			r := w.report
			r.Findings = slices.Clip(r.Findings)
			job.Progress(r)
		}
		if job.Limit > 0 && w.report.Checked == int64(job.Limit) {
			return w.report, nil
		}
		if err := w.pace.spend(ctx, 1, 0); err != nil {
			return w.report, fmt.Errorf("catalog: after feature %q: %w", string(w.report.Cursor), err)
		}
	}
	w.report.Done = true
	return w.report, nil
}

// Flush registers at once what could not be registered when it was written.
func (k *Keeper) Flush(ctx context.Context) error {
	s, err := k.only()
	if err != nil {
		return err
	}
	s.mu.Lock()
	keys := make([]core.FeatureKey, 0, len(s.behind))
	for key := range s.behind {
		keys = append(keys, key)
	}
	s.mu.Unlock()
	slices.Sort(keys)
	var errs []error
	for _, key := range keys {
		if _, err := s.heal(ctx, key, repairing{unlimited: true}); err != nil {
			errs = append(errs, core.WrapError(core.OpWrite, key, name, err))
		}
	}
	return errors.Join(errs...)
}
