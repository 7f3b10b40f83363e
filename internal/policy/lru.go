package policy

// LRU evicts what was not used for the longest time.
type LRU[K comparable, V any] struct {
	limits  Limits
	evicted func(Item[K, V], Reason)
	items   *segment[K, V]
}

var _ Policy[int, int] = (*LRU[int, int])(nil)

// NewLRU makes an empty policy; evicted is called for each item that leaves.
func NewLRU[K comparable, V any](limits Limits, evicted func(Item[K, V], Reason)) *LRU[K, V] {
	return &LRU[K, V]{limits: limits, evicted: evicted, items: newSegment[K, V]()}
}

// Get counts a use of the key and gives its value.
func (l *LRU[K, V]) Get(key K) (V, bool) {
	it, ok := l.items.use(key)
	return it.Value, ok
}

// Peek gives the value without counting a use.
func (l *LRU[K, V]) Peek(key K) (V, bool) {
	it, ok := l.items.peek(key)
	return it.Value, ok
}

// Oldest gives the item that would be evicted next, without counting a use.
func (l *LRU[K, V]) Oldest() (Item[K, V], bool) { return l.items.oldest() }

// Add takes the item and makes room for it.
func (l *LRU[K, V]) Add(it Item[K, V]) {
	if old, ok := l.items.take(it.Key); ok {
		l.evicted(old, Replaced)
	}
	if it.Bytes > l.limits.Bytes { // it would push out everything, then itself
		l.evicted(it, Size)
		return
	}
	l.items.push(it)
	for l.items.bytes > l.limits.Bytes || l.limits.Entries > 0 && l.items.len() > l.limits.Entries {
		old, ok := l.items.pop()
		if !ok {
			return
		}
		l.evicted(old, Size)
	}
}

// Remove evicts a key.
func (l *LRU[K, V]) Remove(key K) bool {
	it, ok := l.items.take(key)
	if ok {
		l.evicted(it, Removed)
	}
	return ok
}

// Each calls f for every item until it returns false.
func (l *LRU[K, V]) Each(f func(Item[K, V]) bool) { l.items.each(f) }

// Purge evicts everything.
func (l *LRU[K, V]) Purge() {
	for {
		it, ok := l.items.pop()
		if !ok {
			return
		}
		l.evicted(it, Removed)
	}
}

// Len is the number of items held.
func (l *LRU[K, V]) Len() int { return l.items.len() }

// Bytes is what the items take.
func (l *LRU[K, V]) Bytes() int64 { return l.items.bytes }
