package keys

// Under counts, by key id, the subjects whose secrets are encrypted under that
// key. They are lost with it, unless Rewrap comes first.
func (s *Subjects) Under() map[uint32]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[uint32]int{}
	for _, l := range s.held {
		if len(l.Secret) > 0 {
			out[l.Key]++
		}
	}
	return out
}
