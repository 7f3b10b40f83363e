package keys

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Created tells when the keys of the file were added to it, by id, as far as
// that is known. It is for people: whoever can write the file can change it.
func (f *File) Created(ctx context.Context) (map[uint32]time.Time, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.load(ctx); err != nil {
		return nil, err
	}
	return maps.Clone(f.born), nil
}

// born are the times of the keys of a ring: those that are known, and now for
// keys that the ring before, if any, did not have. What is no key of the ring
// any more is forgotten.
func born(before, after *Ring, known map[uint32]time.Time) map[uint32]time.Time {
	out := map[uint32]time.Time{}
	for _, k := range after.Keys() {
		if t, ok := known[k.ID]; ok {
			out[k.ID] = t
		} else if before == nil || !slices.ContainsFunc(before.keys, func(old Key) bool { return old.ID == k.ID }) {
			out[k.ID] = time.Now().UTC().Truncate(time.Second)
		}
	}
	return out
}
