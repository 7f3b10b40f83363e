package catalog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// The intent of a write is something random and, where the write has an id, a
// point and the digest of that: another process can tell by the store's log that
// the write happened.

func intentID(write string) string {
	if write == "" {
		return rand.Text()
	}
	return rand.Text() + "." + writeDigest(write)
}

func writeDigest(id string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// writeOf gives the digest in an intent's id, "" without one.
func writeOf(intent string) string {
	if strings.HasPrefix(intent, rebuildPrefix) {
		return ""
	}
	_, digest, _ := strings.Cut(intent, ".")
	return digest
}

// intend begins an intent of this process.
func (s *store) intend(ctx context.Context, key core.FeatureKey, id string) (Intent, error) {
	i := Intent{Key: key, ID: id, Begun: s.keeper.options.now().UTC().Truncate(time.Microsecond)}
	s.mu.Lock()
	s.live[id] = true
	s.mu.Unlock()
	err := s.keeper.cat.Begin(ctx, i)
	if err == nil {
		return i, nil
	}
	if !errors.Is(err, core.ErrInvalid) {
		// Perhaps it was recorded and only the answer is lost.
		s.left(key, unregistered, open{intent: i, ended: true})
	}
	s.release(i)
	return Intent{}, err
}

// release leaves an intent to what is known of it: an open write, or its age.
func (s *store) release(intents ...Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range intents {
		delete(s.live, i.ID)
	}
}

// abandon ends the intent of a write that surely did not happen.
func (s *store) abandon(ctx context.Context, key core.FeatureKey, intent Intent) {
	if intent.ID == "" {
		return
	}
	ctx, cancel := s.detached(ctx)
	defer cancel()
	if err := s.keeper.cat.Abandon(ctx, intent); err != nil {
		s.left(key, unregistered, open{intent: intent, ended: true})
		s.keeper.problem(key, err)
	}
}

// repeated ends what is open of earlier attempts at a write that was now made:
// they cannot make another commit any more.
func (s *store) repeated(ctx context.Context, key core.FeatureKey, id string) {
	digest := writeDigest(id)
	for _, o := range s.opened(key) {
		if digest == "" || o.ended || o.write != digest {
			continue
		}
		if o.intent.ID != "" {
			if err := s.keeper.cat.Abandon(ctx, o.intent); err != nil {
				s.keeper.problem(key, err)
				return
			}
		}
		s.end(key, func(d *doubt) {
			d.open = slices.DeleteFunc(d.open, func(x open) bool { return x.mark == o.mark })
		})
	}
}

// conclude ends what is over in a feature that was compared or repaired since
// the mark: the doubts up to it; the intents of writes that are registered; and
// the writes of which nobody knows, from an age on, when the store's log holds
// nothing that is not registered. A negative age is never reached.
func (s *store) conclude(ctx context.Context, key core.FeatureKey, mark int64, age time.Duration) error {
	cat := s.keeper.cat
	e, err := cat.Entry(ctx, key)
	if err != nil {
		return err
	}
	mine := s.opened(key)
	over := func(open) bool { return false }
	if len(e.Pending) > 0 || slices.ContainsFunc(mine, func(o open) bool { return !o.ended }) {
		if over, err = s.judge(ctx, key, age); err != nil {
			return err
		}
	}
	for _, i := range e.Pending {
		o := open{write: writeOf(i.ID), since: i.Begun}
		if at := slices.IndexFunc(mine, func(o open) bool { return o.intent.ID == i.ID }); at >= 0 {
			o = mine[at]
		}
		if s.isLive(i) || o.mark > mark || !o.ended && !over(o) {
			continue
		}
		if err := cat.Abandon(ctx, i); err != nil {
			return err
		}
	}
	s.settle(key, mark, over)
	return nil
}

// judge tells which writes are over, by the store's log.
func (s *store) judge(ctx context.Context, key core.FeatureKey, age time.Duration) (over func(open) bool, err error) {
	info, err := s.next.Stat(ctx, core.StatRequest{Key: key, Commits: -1})
	if err != nil && !errors.Is(err, core.ErrFeatureNotFound) {
		return nil, err
	}
	e, err := s.keeper.cat.Entry(ctx, key) // after the log: what that holds may be registered by now
	if err != nil {
		return nil, err
	}
	registered := map[string]bool{}
	for _, c := range info.Log {
		if c.ID != "" && c.Seq <= e.Through {
			registered[writeDigest(c.ID)] = true
		}
	}
	now := s.keeper.options.now()
	return func(o open) bool {
		return registered[o.write] || e.Through >= info.Generation && age >= 0 && now.Sub(o.since) >= age
	}, nil
}

func (s *store) isLive(i Intent) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[i.ID]
}
