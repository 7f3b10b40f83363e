package keys

import "sync"

// cacheLimit bounds the derived ciphers that a ring keeps; there are as many
// as keys times columns, and with keys of subjects as many as subjects.
const cacheLimit = 1 << 16

type cached struct {
	algorithm Algorithm
	key       uint32
	scope     Scope
}

// cache keeps derived ciphers. Past its limit it forgets half: deriving again
// costs microseconds.
type cache struct {
	mu      sync.RWMutex
	ciphers map[cached]Cipher
}

func newCache() *cache { return &cache{ciphers: map[cached]Cipher{}} }

func (c *cache) get(k cached, derive func() (Cipher, error)) (Cipher, error) {
	c.mu.RLock()
	found, ok := c.ciphers[k]
	c.mu.RUnlock()
	if ok {
		return found, nil
	}
	made, err := derive()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ciphers) >= cacheLimit {
		drop := cacheLimit / 2
		for k := range c.ciphers {
			if drop--; drop < 0 {
				break
			}
			delete(c.ciphers, k)
		}
	}
	c.ciphers[k] = made
	return made, nil
}
