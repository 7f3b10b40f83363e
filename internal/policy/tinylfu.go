package policy

import "math"

// TinyLFU is an adaptive, cost-aware W-TinyLFU.
//
// A new item enters a window, an LRU list. What the window drops must earn its
// place in the main part: it is admitted when it saves more loading time per
// byte, by its estimated use, than what would have to go. The main part has a
// probation list and a protected one for items that were used again there. A
// hill climber moves bytes between window and main, towards whichever saves more time.
type TinyLFU[K comparable, V any] struct {
	limits  Limits
	evicted func(Item[K, V], Reason)

	window, probation, protected *segment[K, V]
	windowBytes                  int64 // what the window may take; the rest is main's
	sketch                       *sketch[K]

	climb climber
	move  float64 // what the climber asked for last, not done yet
}

var _ Policy[int, int] = (*TinyLFU[int, int])(nil)

// Shares of the whole, and of the main part.
const (
	firstWindow    = 0.01
	smallestWindow = 0.01
	largestWindow  = 0.8
	protectedShare = 0.8
)

// NewTinyLFU makes an empty policy for about this many items; evicted is called
// for each item that leaves.
func NewTinyLFU[K comparable, V any](limits Limits, items int, evicted func(Item[K, V], Reason)) *TinyLFU[K, V] {
	items = max(items, 16)
	return &TinyLFU[K, V]{
		limits: limits, evicted: evicted,
		window: newSegment[K, V](), probation: newSegment[K, V](), protected: newSegment[K, V](),
		windowBytes: max(1, int64(float64(limits.Bytes)*firstWindow)),
		sketch:      newSketch[K](items),
		climb:       newClimber(items),
	}
}

// Get counts a use of the key and gives its value. Moving the window may evict
// any item, so a move waits for the next call: what Get gives is still held.
func (t *TinyLFU[K, V]) Get(key K) (V, bool) {
	t.settle()
	t.sketch.add(key)
	it, ok := t.find(key)
	t.move = t.climb.tick(ok)
	return it.Value, ok
}

func (t *TinyLFU[K, V]) find(key K) (Item[K, V], bool) {
	if it, ok := t.window.use(key); ok {
		return it, true
	}
	if it, ok := t.protected.use(key); ok {
		return it, true
	}
	it, ok := t.probation.take(key)
	if ok {
		t.protected.push(it)
		t.demote()
	}
	return it, ok
}

// Peek gives the value without counting a use.
func (t *TinyLFU[K, V]) Peek(key K) (V, bool) {
	for _, s := range t.segments() {
		if it, ok := s.peek(key); ok {
			return it.Value, true
		}
	}
	var none V
	return none, false
}

// Add takes the item into the window and lets the window's oldest compete.
func (t *TinyLFU[K, V]) Add(it Item[K, V]) {
	t.settle()
	t.take(it.Key, Replaced)
	if it.Bytes > t.limits.Bytes {
		t.evicted(it, Size)
		return
	}
	t.window.push(it)
	t.drainWindow()
	t.boundEntries()
}

// Remove evicts a key.
func (t *TinyLFU[K, V]) Remove(key K) bool { return t.take(key, Removed) }

func (t *TinyLFU[K, V]) take(key K, why Reason) bool {
	for _, s := range t.segments() {
		if it, ok := s.take(key); ok {
			t.evicted(it, why)
			return true
		}
	}
	return false
}

// Each calls f for every item until it returns false.
func (t *TinyLFU[K, V]) Each(f func(Item[K, V]) bool) {
	for _, s := range t.segments() {
		if !s.each(f) {
			return
		}
	}
}

// Purge evicts everything.
func (t *TinyLFU[K, V]) Purge() {
	for _, s := range t.segments() {
		for it, ok := s.pop(); ok; it, ok = s.pop() {
			t.evicted(it, Removed)
		}
	}
}

// Len is the number of items held.
func (t *TinyLFU[K, V]) Len() int { return t.window.len() + t.probation.len() + t.protected.len() }

// Bytes is what the items take.
func (t *TinyLFU[K, V]) Bytes() int64 { return t.window.bytes + t.main() }

func (t *TinyLFU[K, V]) main() int64 { return t.probation.bytes + t.protected.bytes }

func (t *TinyLFU[K, V]) segments() [3]*segment[K, V] {
	return [3]*segment[K, V]{t.window, t.probation, t.protected}
}

// drainWindow hands what the window is too small for to the main part.
func (t *TinyLFU[K, V]) drainWindow() {
	for t.window.bytes > t.windowBytes {
		it, ok := t.window.pop()
		if !ok {
			return
		}
		t.admit(it)
	}
}

// admit places an item in the main part if it is worth more than each item that
// it would push out. What it fails to push out becomes recent again, so the
// next candidate meets other victims.
func (t *TinyLFU[K, V]) admit(it Item[K, V]) {
	room := t.limits.Bytes - t.windowBytes
	if it.Bytes > room {
		t.evicted(it, Size)
		return
	}
	worth := t.worth(it)
	var victims []Item[K, V]
	for t.main()+it.Bytes > room {
		v, ok := t.probation.pop()
		if !ok {
			v, ok = t.protected.pop()
		}
		if !ok {
			break
		}
		victims = append(victims, v)
		if t.worth(v) >= worth {
			for _, v := range victims {
				t.probation.push(v)
			}
			t.evicted(it, Size)
			return
		}
	}
	for _, v := range victims {
		t.evicted(v, Size)
	}
	t.probation.push(it)
}

// worth is the loading time that a byte of the item saves by its use of late.
func (t *TinyLFU[K, V]) worth(it Item[K, V]) float64 {
	return t.sketch.frequency(it.Key) * it.Cost / float64(max(it.Bytes, 1))
}

// demote sends what protected is too small for back to probation.
func (t *TinyLFU[K, V]) demote() {
	most := int64(float64(t.limits.Bytes-t.windowBytes) * protectedShare)
	for t.protected.bytes > most {
		it, ok := t.protected.pop()
		if !ok {
			return
		}
		t.probation.push(it)
	}
}

// settle does the move that the climber asked for.
func (t *TinyLFU[K, V]) settle() {
	if t.move != 0 {
		t.resize(t.move)
		t.move = 0
	}
}

// resize moves a share of the whole from the main part to the window, or back.
func (t *TinyLFU[K, V]) resize(move float64) {
	all := float64(t.limits.Bytes)
	share := float64(t.windowBytes)/all + move
	t.windowBytes = max(1, int64(all*math.Min(largestWindow, math.Max(smallestWindow, share))))
	t.drainWindow()
	t.demote()
	for t.main() > t.limits.Bytes-t.windowBytes {
		it, ok := t.probation.pop()
		if !ok {
			if it, ok = t.protected.pop(); !ok {
				return
			}
		}
		t.evicted(it, Size)
	}
}

// boundEntries keeps to the limit on the number of items.
func (t *TinyLFU[K, V]) boundEntries() {
	for t.limits.Entries > 0 && t.Len() > t.limits.Entries {
		for _, s := range [3]*segment[K, V]{t.probation, t.window, t.protected} {
			if it, ok := s.pop(); ok {
				t.evicted(it, Size)
				break
			}
		}
	}
}
