package catalog

import (
	"context"
	"errors"

	"github.com/metaxy-go/metaxy/core"
)

// Write counts the versions of the rows as they pass, and registers the commit
// once the store has accepted it. A catalog that fails then is no failure of
// the write: the commit is there, and registered later.
func (s *store) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	if err := s.enter(ctx, core.OpWrite, req.Key()); err != nil {
		return core.Commit{}, err
	}
	intent, err := s.begin(ctx, req)
	if err != nil {
		return core.Commit{}, core.WrapError(core.OpWrite, req.Key(), name, err)
	}
	defer s.release(intent)
	defer s.hold(req.Key())()
	o := &s.keeper.options
	c := &counting{tally: newTally(o.spill, o.spillDir)}
	defer func() { c.tally.close() }()
	req.Rows = c.watch(req.Rows)
	commit, err := s.next.Write(ctx, req)
	if perhaps := c.stop(); err != nil {
		s.failed(ctx, req.Key(), open{intent: intent, write: writeDigest(req.ID)}, perhaps, err)
		return commit, err
	}
	s.accepted(ctx, req, commit, intent, c)
	return commit, nil
}

// begin records the intent where that is asked for.
func (s *store) begin(ctx context.Context, req core.WriteRequest) (Intent, error) {
	if !s.keeper.options.require {
		return Intent{}, nil
	}
	if err := req.Check(); err != nil {
		return Intent{}, err
	}
	return s.intend(ctx, req.Key(), intentID(req.ID))
}

// harmless are the errors of a write that surely did not happen.
func harmless(err error) bool {
	for _, known := range []error{
		core.ErrFeatureNotFound, core.ErrInvalid, core.ErrConflict, core.ErrDependency, core.ErrUnsupported,
		core.ErrUnauthenticated, core.ErrDenied, core.ErrReadOnly, core.ErrClosed,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// failed ends the intent of a write that surely did not happen. Of any other
// nobody knows, so the feature is looked up in the store from now on.
func (s *store) failed(ctx context.Context, key core.FeatureKey, o open, perhaps bool, err error) {
	if perhaps && !harmless(err) {
		s.left(key, undecided, o)
		return
	}
	s.abandon(ctx, key, o.intent)
}

// detached is a context for what must be done although the caller may have gone.
func (s *store) detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.keeper.options.timeout)
}

// accepted registers a commit, or remembers that it is to be registered.
func (s *store) accepted(ctx context.Context, req core.WriteRequest, commit core.Commit, intent Intent, c *counting) {
	key := req.Key()
	identity := ""
	if f := s.keeper.options.identity; f != nil {
		identity = f(ctx)
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	late := open{intent: intent, seq: commit.Seq, identity: identity, ended: true}
	if !s.available() {
		s.keeper.counts.failed.Add(1)
		s.left(key, unregistered, late)
		return
	}
	err := s.register(ctx, key, commit, identity, intent, c, req.Tombstones)
	if err != nil {
		s.keeper.counts.failed.Add(1)
		s.left(key, unregistered, late)
		s.keeper.problem(key, err)
		return
	}
	s.repeated(ctx, key, req.ID)
	s.drain(ctx)
}

// register hands a commit to the catalog with what the store says of the
// feature now. A commit whose rows did not all pass here (a repeat that the
// store knew) is registered already, or repaired from the log.
func (s *store) register(ctx context.Context, key core.FeatureKey, commit core.Commit, identity string, intent Intent, c *counting, tombstones bool) error {
	cat := s.keeper.cat
	var versions Versions
	whole := tombstones || c.whole && c.rows == commit.Rows
	if whole {
		var err error
		if versions, err = c.tally.versions(0); err != nil {
			whole = false
			s.keeper.problem(key, err)
		}
	}
	if !whole {
		if _, err := s.repair(ctx, key, repairing{unlimited: true, identities: map[int64]string{commit.Seq: identity}}); err != nil {
			return err
		}
		if intent.ID != "" {
			return cat.Abandon(ctx, intent)
		}
		return nil
	}
	info, err := s.next.Stat(ctx, core.StatRequest{Key: key})
	if err != nil {
		s.keeper.problem(key, err)
		info = core.Info{}
	}
	info.Log = nil
	m := Materialization{Key: key, Commit: commit, Identity: identity, IntentID: intent.ID, Info: info}
	err = cat.RegisterMaterialization(ctx, m, versions)
	s.outcome(err)
	if err != nil {
		return err
	}
	s.keeper.counts.registered.Add(1)
	if e, err := cat.Entry(ctx, key); err == nil && e.Through < commit.Seq {
		s.doubt(key, unregistered) // another writer's commit is missing; it may be registering it now
	}
	return nil
}

// available reports whether the catalog is worth a try.
func (s *store) available() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.keeper.options
	return reached(s.retryAt, o.now(), o.retry<<longestWait)
}

// outcome remembers whether the catalog works, and leaves one that does not
// alone for a while, longer each time.
func (s *store) outcome(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || errors.Is(err, core.ErrConflict) {
		s.failures = 0 // it answered
		return
	}
	s.failures = min(s.failures+1, longestWait)
	s.retryAt = s.keeper.options.now().Add(s.keeper.options.retry << (s.failures - 1))
}

// Evolve describes the feature anew once the store has changed it.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.enter(ctx, core.OpEvolve, req.Key); err != nil {
		return core.Info{}, err
	}
	var intent Intent
	if s.keeper.options.require && req.Key.Validate() == nil {
		var err error
		if intent, err = s.intend(ctx, req.Key, intentID("")); err != nil {
			return core.Info{}, core.WrapError(core.OpEvolve, req.Key, name, err)
		}
	}
	defer s.release(intent)
	defer s.hold(req.Key)()
	info, err := s.next.Evolve(ctx, req)
	if err != nil {
		s.failed(ctx, req.Key, open{intent: intent}, true, err)
		return info, err
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	described := info
	described.Log = nil
	err = s.keeper.cat.Describe(ctx, described)
	if err == nil && intent.ID != "" {
		err = s.keeper.cat.Abandon(ctx, intent)
	}
	if err != nil {
		s.keeper.counts.failed.Add(1)
		s.left(req.Key, unregistered, open{intent: intent, ended: true})
		s.keeper.problem(req.Key, err)
	}
	return info, nil
}
