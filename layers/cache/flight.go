package cache

// flight is one read below that several readers wait for.
type flight struct {
	done    chan struct{}
	waiters int // guarded by the shelf's lock
	landing     // set before done is closed
}

// landing is how a flight ends.
type landing struct {
	entry *entry // the answer, retained once for each waiter; nil when there is none
	// again says that the leader left before it knew, so that those who wait
	// board again and one of them leads. Without it, and without an entry, each
	// reads for itself.
	again bool
}

// board finds an answer, joins a flight for it, or starts one. Of entry and
// flight exactly one is set; leads says that the caller must land the flight.
func (s *shelf) board(q *question) (e *entry, rest []int, f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, rest, ok := s.find(q); ok {
		return e, rest, nil, false
	}
	if f, ok := s.flights[q.key]; ok {
		f.waiters++
		return nil, nil, f, false
	}
	f = &flight{done: make(chan struct{})}
	s.flights[q.key] = f
	return nil, nil, f, true
}

// land ends a flight. Those who wait get its entry, and the shelf keeps it as
// long as its policy wants, if keep says so: it is asked under the lock, so
// that what drops entries comes either before it or after the entry is there.
func (s *shelf) land(k key, f *flight, l landing, cost float64, keep func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, k)
	if l.entry != nil {
		for range f.waiters {
			l.entry.retain()
		}
		if keep() {
			l.entry.retain()
			s.put(l.entry, cost)
		}
	}
	f.landing = l
	close(f.done)
}

// leave gives up waiting. The answer may have come in the same moment; its
// reference is then given back.
func (s *shelf) leave(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-f.done:
		if f.entry != nil {
			f.entry.release()
		}
	default:
		f.waiters--
	}
}
