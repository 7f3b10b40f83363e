package cache

// flight is one read below that several readers wait for.
type flight struct {
	done    chan struct{}
	waiters int    // guarded by the shelf's lock
	entry   *entry // the answer, retained once for each waiter; nil when there is none
}

// board finds an answer, joins a flight for it, or starts one. Of entry and
// flight exactly one is set; leads says that the caller must land the flight.
func (s *shelf) board(q question) (e *entry, rest []int, f *flight, leads bool) {
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

// land ends a flight. With an entry the waiters get it and the shelf keeps it
// as long as its policy wants; without one they read for themselves.
func (s *shelf) land(k key, f *flight, e *entry, cost float64, keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, k)
	if e != nil {
		for range f.waiters {
			e.retain()
		}
		f.entry = e
		if keep {
			e.retain()
			s.put(e, cost)
		}
	}
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
