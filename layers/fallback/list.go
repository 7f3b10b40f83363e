package fallback

import (
	"context"
	"errors"
	"iter"

	"github.com/metaxy-go/metaxy/core"
)

// merge lists every place at once and yields the least key of those that are
// next.
//
// An error ends the listing, since what another place would have said first is
// then not known. With OnUnavailable the other places are listed to their end
// and the error comes after them: a listing that lacks a store is never
// presented as a whole one. Of an overlay the features whose schemas disagree
// are reported at the end as well.
func (s *store) merge(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) {
		var cursors []*cursor
		defer func() {
			for _, c := range cursors {
				c.stop()
			}
		}()
		var late error
		advance := func(c *cursor) error {
			err := c.advance()
			if err != nil && s.o.unavailable && errors.Is(err, core.ErrUnavailable) {
				late = later(late, c.at.errorOf(err))
				return nil
			}
			return c.at.errorOf(err)
		}
		for p := range s.places() {
			c := &cursor{at: p}
			c.next, c.stop = iter.Pull2(p.store.List(ctx, req))
			cursors = append(cursors, c)
			if err := advance(c); err != nil {
				yield(core.Info{}, err)
				return
			}
		}
		for {
			same := least(cursors)
			if len(same) == 0 {
				break
			}
			info, err := s.choose(ctx, same)
			mismatch := s.o.overlay && errors.Is(err, core.ErrConflict)
			if mismatch {
				late, err = later(late, core.WrapError(core.OpList, same[0].info.Key, Name, err)), nil
			}
			if err == nil {
				for _, c := range same {
					if err = advance(c); err != nil {
						break
					}
				}
				if !mismatch && !yield(info, nil) {
					return
				}
			}
			if err != nil {
				yield(core.Info{}, err)
				return
			}
		}
		if late != nil {
			yield(core.Info{}, late)
		}
	}
}

// cursor is a place's listing in progress.
type cursor struct {
	at   *place
	next func() (core.Info, error, bool)
	stop func()
	info core.Info
	live bool // info is there and was not yielded yet
}

func (c *cursor) advance() error {
	info, err, ok := c.next()
	c.live = ok && err == nil
	c.info = info
	return err
}

// least gives the cursors that stand at the smallest key, in their order.
func least(cursors []*cursor) []*cursor {
	var out []*cursor
	for _, c := range cursors {
		switch {
		case !c.live:
		case len(out) == 0 || c.info.Key < out[0].info.Key:
			out = append(out[:0], c)
		case c.info.Key == out[0].info.Key:
			out = append(out, c)
		}
	}
	return out
}

// later keeps errors for the end of a listing: all that match one sentinel.
func later(late, err error) error {
	if late != nil && errors.Is(late, core.ErrUnavailable) != errors.Is(err, core.ErrUnavailable) {
		return late
	}
	return errors.Join(late, err)
}

// choose picks the place that answers for a feature which all of these hold,
// or merges what they say.
func (s *store) choose(ctx context.Context, same []*cursor) (core.Info, error) {
	if len(same) == 1 {
		return same[0].at.signed(same[0].info), nil
	}
	if s.o.overlay {
		all := make([]held, len(same))
		for i, c := range same {
			all[i] = held{c.at, c.info}
		}
		return union(all)
	}
	for _, c := range same {
		ok, err := c.at.countsAs(ctx, c.info)
		if err != nil {
			return core.Info{}, c.at.errorOf(err)
		}
		if ok {
			return c.at.signed(c.info), nil
		}
	}
	return same[0].at.signed(same[0].info), nil
}
