package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// pair is what the store and the catalog say of one feature.
type pair struct {
	key   core.FeatureKey
	info  core.Info // Generation 0: the store does not hold it
	entry Entry
}

// pairs lists the store and the catalog side by side, in key order.
func (s *store) pairs(ctx context.Context, prefix string, after core.FeatureKey) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		nextEntry, stop := iter.Pull2(s.keeper.cat.Features(ctx, Query{Prefix: prefix, After: after}))
		defer stop()
		e, err, more := nextEntry()
		pass := func(p pair) bool {
			if err != nil {
				yield(pair{}, err)
				return false
			}
			return yield(p, nil)
		}
		for info, listErr := range s.next.List(ctx, core.ListRequest{Prefix: prefix}) {
			if listErr != nil {
				yield(pair{}, listErr)
				return
			}
			if after != "" && info.Key <= after {
				continue
			}
			for err == nil && more && e.Key < info.Key {
				if !pass(pair{key: e.Key, entry: e}) {
					return
				}
				e, err, more = nextEntry()
			}
			p := pair{key: info.Key, info: info, entry: Entry{Key: info.Key}}
			if err == nil && more && e.Key == info.Key {
				p.entry = e
				e, err, more = nextEntry()
			}
			if !pass(p) {
				return
			}
		}
		for more {
			if !pass(pair{key: e.Key, entry: e}) {
				return
			}
			e, err, more = nextEntry()
		}
	}
}

// differs says how the two differ by what lists tell; Kind 0 is not at all.
func (p pair) differs() Finding {
	is := func(k Kind, format string, args ...any) Finding {
		return Finding{Key: p.key, Kind: k, Text: fmt.Sprintf(format, args...)}
	}
	switch held, known := p.info.Generation, p.entry.Generation; {
	case held == 0 && known == 0:
		return Finding{}
	case held == 0:
		return is(Extra, "the store does not hold it, the catalog knows %d commits", p.entry.Commits)
	case known == 0:
		return is(Missing, "the store holds %d commits", held)
	case known > held:
		return is(Extra, "the store holds %d commits, the catalog knows commit %d", held, known)
	case p.entry.Through < held:
		return is(Stale, "%d of %d commits are registered", p.entry.Commits, held)
	case outdated(p.entry.Info, p.info) && !Newer(p.entry.Info, p.info):
		return is(Different, "described is schema version %d after commit %d, which the store has not seen", p.entry.Info.SchemaVersion, p.entry.Info.Generation)
	case outdated(p.entry.Info, p.info):
		return is(Stale, "schema version %d after commit %d, described is %d after %d", p.info.SchemaVersion, held, p.entry.Info.SchemaVersion, p.entry.Info.Generation)
	}
	return Finding{}
}

// look asks both again about a feature that seemed to differ: the two lists were
// not made at one moment.
func (s *store) look(ctx context.Context, key core.FeatureKey) (pair, error) {
	p := pair{key: key}
	var err error
	if p.entry, err = s.keeper.cat.Entry(ctx, key); err != nil {
		return p, err
	}
	p.info, err = s.next.Stat(ctx, core.StatRequest{Key: key})
	switch {
	case errors.Is(err, core.ErrFeatureNotFound):
		return p, nil
	case err != nil:
		return p, err
	}
	// What was registered since the store was asked is not ahead of it, and
	// what was written before is registered by now unless it is missing.
	p.entry, err = s.keeper.cat.Entry(ctx, key)
	if err == nil && p.entry.Generation > p.info.Generation {
		p.info, err = s.next.Stat(ctx, core.StatRequest{Key: key})
	}
	return p, err
}

// recheckAfter is how long a writer may take between its commit and its
// registration before it counts as drift.
const recheckAfter = 50 * time.Millisecond

// examine compares a feature once more if it seemed to differ, and in depth if
// asked to. patience counts how often it may still wait for a writer.
func (s *store) examine(ctx context.Context, p pair, deep bool, patience *int, pace *pacer) (f Finding, rows int64, err error) {
	f = p.differs()
	for tries := 0; f.Kind != 0 && tries < 2; tries++ {
		if tries > 0 {
			if f.Kind != Stale && f.Kind != Missing || !s.busy(p) || *patience == 0 {
				break
			}
			*patience--
			t := time.NewTimer(recheckAfter)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return Finding{}, 0, ctx.Err()
			}
		}
		if p, err = s.look(ctx, p.key); err != nil {
			return Finding{}, 0, err
		}
		f = p.differs()
	}
	if f.Kind != 0 || !deep || p.info.Generation == 0 {
		return f, 0, nil
	}
	return s.recount(ctx, p.key, pace)
}

// busy reports whether a writer may be about to register: one of ours, one with
// an intent, or one that is a single commit ahead.
func (s *store) busy(p pair) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writing[p.key] > 0 || len(p.entry.Pending) > 0 || p.entry.Through+1 == p.info.Generation
}
