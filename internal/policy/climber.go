package policy

import "math"

// climber is a hill climber over the window's share: it goes on in a direction
// as long as the hit rate rises, turns when it falls, and takes large steps
// again when the rate jumps, since the work has then changed.
type climber struct {
	period, uses, hits int
	rate, step         float64
}

const (
	largeStep = 0.0625 // of the whole
	decay     = 0.98
	jump      = 0.05 // of the hit rate
)

func newClimber(items int) climber {
	return climber{period: max(2*items, 500), step: largeStep}
}

// tick counts a use and tells by how much of the whole the window should grow;
// mostly 0.
func (c *climber) tick(hit bool) float64 {
	c.uses++
	if hit {
		c.hits++
	}
	if c.uses < c.period {
		return 0
	}
	rate := float64(c.hits) / float64(c.uses)
	change := rate - c.rate
	if change < 0 {
		c.step = -c.step
	}
	if math.Abs(change) >= jump {
		c.step = math.Copysign(largeStep, c.step)
	} else {
		c.step *= decay
	}
	c.rate, c.uses, c.hits = rate, 0, 0
	return c.step
}
