package catalog

import (
	"context"
	"errors"

	"github.com/metaxy-go/metaxy/core"
)

// rebuild registers a feature anew, or forgets one that the store does not hold.
//
// The order matters. The intent comes first: it keeps others from taking what is
// not registered for what is not there. The store's log is read after the drop,
// so that a commit that somebody registered before it is in the log, and one
// that comes later is registered by its writer.
func (s *store) rebuild(ctx context.Context, key core.FeatureKey, how repairing) (done repaired, err error) {
	cat := s.keeper.cat
	intents, who, err := s.announce(ctx, key)
	defer func() { s.release(intents...) }()
	if err != nil {
		for _, i := range intents {
			s.abandon(ctx, key, i) // nothing was dropped
		}
		return done, err
	}
	defer func() {
		if err == nil {
			return
		}
		for _, i := range intents {
			s.left(key, unregistered, open{intent: i, ended: true})
		}
	}()
	if err = cat.Drop(ctx, key); err != nil {
		return done, err
	}
	how.identities, how.unlimited = who, true
	info, err := s.next.Stat(ctx, core.StatRequest{Key: key, Commits: -1})
	switch {
	case errors.Is(err, core.ErrFeatureNotFound):
	case err != nil:
		return done, err
	default:
		if done, err = s.registerAll(ctx, info, info.Log, how); err != nil {
			return done, err
		}
	}
	more, err := s.recheck(ctx, key, how)
	done.commits, done.rows = done.commits+more.commits, done.rows+more.rows
	if err != nil {
		return done, err
	}
	for _, i := range intents {
		if err = cat.Abandon(ctx, i); err != nil {
			return done, err
		}
	}
	return done, nil
}

// recheck registers what came while a feature was being registered anew and its
// writer did not register. What comes while it does is for its writer.
func (s *store) recheck(ctx context.Context, key core.FeatureKey, how repairing) (done repaired, err error) {
	for range 3 {
		info, err := s.next.Stat(ctx, core.StatRequest{Key: key})
		if err != nil && !errors.Is(err, core.ErrFeatureNotFound) {
			return done, err
		}
		e, err := s.keeper.cat.Entry(ctx, key)
		if err != nil || e.Through >= info.Generation {
			return done, err
		}
		how.replace = false
		more, err := s.repair(ctx, key, how)
		done.commits, done.rows = done.commits+more.commits, done.rows+more.rows
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// announce begins the intents of a rebuild. Who wrote which commit is known to
// the catalog alone and forgotten by Drop, so the intents tell it: a rebuild
// that is cut off loses no name.
func (s *store) announce(ctx context.Context, key core.FeatureKey) (intents []Intent, who map[int64]string, err error) {
	begin := func(id string) error {
		i, err := s.intend(ctx, key, id)
		if err == nil {
			intents = append(intents, i)
		}
		return err
	}
	if err := begin(rebuildID("")); err != nil {
		return intents, nil, err
	}
	info, err := s.next.Stat(ctx, core.StatRequest{Key: key, Commits: -1})
	if err != nil && !errors.Is(err, core.ErrFeatureNotFound) {
		return intents, nil, err
	}
	e, err := s.keeper.cat.Entry(ctx, key)
	if err != nil && !errors.Is(err, core.ErrIntegrity) {
		return intents, nil, err
	}
	who = names(e.Pending, info.Log, nil)
	held := bySeq(info.Log)
	noted := map[int64]string{}
	// Again until nothing is new: others register meanwhile.
	for fresh := true; fresh; {
		fresh = false
		more := map[int64]string{}
		for m, err := range s.keeper.cat.History(ctx, key) {
			if errors.Is(err, core.ErrIntegrity) {
				break // what is damaged is about to be replaced
			}
			if err != nil {
				return intents, nil, err
			}
			if c, ok := held[m.Commit.Seq]; ok && !Same(c, m.Commit) {
				continue
			}
			if _, ok := noted[m.Commit.Seq]; !ok && m.Identity != "" {
				more[m.Commit.Seq], held[m.Commit.Seq] = m.Identity, m.Commit
			}
		}
		for _, id := range notes(more, held) {
			if err := begin(id); err != nil {
				return intents, nil, err
			}
		}
		for seq, name := range more {
			noted[seq], who[seq], fresh = name, name, true
		}
	}
	return intents, who, nil
}
