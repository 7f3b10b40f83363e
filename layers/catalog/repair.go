package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// repairing says how far a repair may go.
type repairing struct {
	unlimited  bool
	rows       int64 // else so many may be read
	replace    bool  // a feature that does not fit is dropped and registered anew
	identities map[int64]string
	pace       *pacer // nil: as fast as it goes
}

// repaired says what a repair did.
type repaired struct{ commits, rows int64 }

// errTooMuch ends a repair that would read more rows than it may.
var errTooMuch = fmt.Errorf("%w: more rows to read again than allowed: reconcile the catalog", core.ErrUnavailable)

// repair registers the commits of a feature that the catalog lacks, by the
// store's log. It may be interrupted anywhere and made again.
func (s *store) repair(ctx context.Context, key core.FeatureKey, how repairing) (repaired, error) {
	info, err := s.next.Stat(ctx, core.StatRequest{Key: key, Commits: -1})
	there := !errors.Is(err, core.ErrFeatureNotFound)
	if err != nil && there {
		return repaired{}, err
	}
	e, err := s.keeper.cat.Entry(ctx, key)
	if err != nil || !there && !e.Known() {
		return repaired{}, err
	}
	if !there && how.replace {
		return s.rebuild(ctx, key, how)
	}
	if !there {
		return repaired{}, fmt.Errorf("%w: the catalog holds feature %s and the store does not: reconcile the catalog", core.ErrConflict, key)
	}
	how.identities = names(e.Pending, info.Log, how.identities)
	missing, err := s.missing(ctx, info, how.identities)
	if errors.Is(err, core.ErrConflict) && how.replace {
		return s.rebuild(ctx, key, how)
	}
	if err != nil {
		return repaired{}, err
	}
	return s.registerAll(ctx, info, missing, how)
}

// missing lists the commits that are not registered, or not under the name that
// is known here. One that is registered as another, or that the store does not
// hold, is ErrConflict.
func (s *store) missing(ctx context.Context, info core.Info, who map[int64]string) ([]core.Commit, error) {
	left := bySeq(info.Log)
	for m, err := range s.keeper.cat.History(ctx, info.Key) {
		if err != nil {
			return nil, err
		}
		c, ok := left[m.Commit.Seq]
		if !ok && m.Commit.Seq > info.Generation {
			// Perhaps it came after the log was read.
			now, err := s.next.Stat(ctx, core.StatRequest{Key: info.Key, Commits: -1})
			if err != nil {
				return nil, err
			}
			at := slices.IndexFunc(now.Log, func(c core.Commit) bool { return c.Seq == m.Commit.Seq })
			if ok = at >= 0; ok {
				c = now.Log[at]
			}
		}
		if !ok {
			return nil, fmt.Errorf("%w: the catalog holds commit %d of %s and the store does not", core.ErrConflict, m.Commit.Seq, info.Key)
		}
		if !Same(c, m.Commit) {
			return nil, fmt.Errorf("%w: commit %d of %s is registered as another one", core.ErrConflict, m.Commit.Seq, info.Key)
		}
		if m.Identity != "" || who[m.Commit.Seq] == "" {
			delete(left, m.Commit.Seq)
		}
	}
	out := make([]core.Commit, 0, len(left))
	for _, seq := range slices.Sorted(maps.Keys(left)) {
		out = append(out, left[seq])
	}
	return out, nil
}

// registerAll reads the versions of these commits in one pass and registers
// them one by one, each in a transaction of its own.
func (s *store) registerAll(ctx context.Context, info core.Info, commits []core.Commit, how repairing) (done repaired, err error) {
	o := &s.keeper.options
	t := newTally(o.spill, o.spillDir)
	defer t.close()
	lo, hi, rows := span(commits)
	if !how.unlimited && rows > how.rows {
		return done, errTooMuch
	}
	if rows > 0 {
		if done.rows, err = s.tallyRows(ctx, t, info, lo, hi, true, how.pace); err != nil {
			return done, err
		}
	}
	described := info
	described.Log = nil
	for _, c := range commits {
		versions, err := t.versions(c.Seq)
		if err != nil {
			return done, err
		}
		m := Materialization{Key: info.Key, Commit: c, Identity: how.identities[c.Seq], Info: described}
		if err := s.keeper.cat.RegisterMaterialization(ctx, m, versions); err != nil {
			return done, err
		}
		done.commits++
		s.keeper.counts.repaired.Add(1)
	}
	return done, s.keeper.cat.Describe(ctx, described)
}

// span is the first and last commit that wrote rows with versions, and how many
// rows all of them wrote.
func span(commits []core.Commit) (lo, hi, rows int64) {
	for _, c := range commits {
		if c.Rows == 0 || c.Tombstones {
			continue
		}
		if lo == 0 {
			lo = c.Seq
		}
		hi, rows = c.Seq, rows+c.Rows
	}
	return lo, hi, rows
}

// tallyRows counts the versions of the commits from lo to hi, each commit apart
// or all in one.
func (s *store) tallyRows(ctx context.Context, t *tally, info core.Info, lo, hi int64, apart bool, pace *pacer) (int64, error) {
	rows, err := s.next.Read(ctx, core.ReadRequest{
		Key: info.Key, History: true, Columns: []string{core.ColDataVersion, core.ColCommit},
		Filter: expr.And(expr.Col(core.ColCommit).Ge(lo), expr.Col(core.ColCommit).Le(hi)),
	})
	if err != nil {
		return 0, err
	}
	var read int64
	for b, err := range rows.All() {
		if err != nil {
			return read, err
		}
		commits, ok := b.Column(1).(*array.Int64)
		if !ok {
			return read, fmt.Errorf("%w: column %q is %s", core.ErrIntegrity, core.ColCommit, b.Column(1).DataType())
		}
		if !apart {
			commits = nil
		}
		if err := t.batch(b, commits); err != nil {
			return read, err
		}
		read += b.NumRows()
		if err := pace.spend(ctx, 0, b.NumRows()); err != nil {
			return read, err
		}
	}
	return read, nil
}

// drain repairs what is behind, when the catalog works. It waits a little after
// each doubt and each attempt: another writer may be about to register what
// seems to be missing.
func (s *store) drain(ctx context.Context) {
	budget := max(s.keeper.options.catchUp, 0)
	for _, key := range s.due() {
		done, err := s.heal(ctx, key, repairing{rows: budget})
		budget -= done.rows
		s.keeper.problem(key, err)
		if errors.Is(err, core.ErrUnavailable) && !errors.Is(err, errTooMuch) {
			return
		}
	}
}

// heal repairs one feature and ends the doubt about it where it can.
func (s *store) heal(ctx context.Context, key core.FeatureKey, how repairing) (repaired, error) {
	mark := s.mark()
	how.identities = s.authors(key)
	done, err := s.repair(ctx, key, how)
	switch {
	case err == nil:
		err = s.conclude(ctx, key, mark, DefaultAbandonAfter)
	case errors.Is(err, errTooMuch):
		s.doubt(key, tooMuch)
	case errors.Is(err, core.ErrConflict):
		s.doubt(key, foreign)
	}
	return done, err
}
