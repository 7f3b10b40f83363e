package compose

import (
	"fmt"
	"regexp"

	"github.com/metaxy-go/metaxy/core"
)

func nilLayers(c *chain) []string { return c.missing }

func unknownPhases(c *chain) []string {
	var out []string
	for _, s := range c.own {
		if !s.info.Phase.Valid() {
			out = append(out, fmt.Sprintf("layer %s has no phase (%d)", s.info.Name, s.info.Phase))
		}
	}
	return out
}

func sameLayers(c *chain) []string {
	var out []string
	for i, s := range c.own {
		for _, t := range c.own[:i] {
			if isSame(s.layer, t.layer) {
				out = append(out, fmt.Sprintf("layer %s is there twice", s.info.Name))
				break
			}
		}
	}
	return out
}

func ownLegs(c *chain) []string {
	var out []string
	for _, s := range c.own {
		if h, ok := s.layer.(core.Holder); ok && h.Holds(c.base) {
			out = append(out, fmt.Sprintf("layer %s holds the base of this very stack", s.info.Name))
		}
	}
	return out
}

// one makes the check that a phase has at most one layer.
func one(p core.Phase, instead string) func(*chain) []string {
	return func(c *chain) []string {
		n := 0
		for _, l := range c.all() {
			if l.Phase == p {
				n++
			}
		}
		if n < 2 {
			return nil
		}
		return []string{fmt.Sprintf("%d %s layers; %s", n, p, instead)}
	}
}

// repeatedLayers looks past the phases that have a rule of their own, and past
// probes, which tests put wherever they look.
func repeatedLayers(c *chain) []string {
	type kind struct {
		phase core.Phase
		name  string
	}
	count := map[kind]int{}
	var out []string
	for _, l := range c.all() {
		switch l.Phase {
		case core.PhaseAccess, core.PhaseFallback, core.PhaseCrypto, core.PhaseProbe:
			continue
		default:
		}
		k := kind{l.Phase, l.Name}
		if count[k]++; count[k] == 2 {
			out = append(out, fmt.Sprintf("more than one %s layer %s", l.Phase, l.Name))
		}
	}
	return out
}

func phaseOrder(c *chain) []string {
	if len(c.own) == 0 || len(c.below.Layers) == 0 {
		return nil
	}
	last, first := c.own[len(c.own)-1].info, c.below.Layers[0]
	if !last.Phase.Valid() || last.Phase <= first.Phase {
		return nil
	}
	return []string{fmt.Sprintf("%s (%s) stands above %s (%s) of the stack below", last.Name, last.Phase, first.Name, first.Phase)}
}

func plaintextDisk(c *chain) []string {
	return kept(c, core.PhaseCrypto, func(l core.LayerInfo) bool { return l.Persists },
		"%s keeps rows outside memory, above the crypto layer: in plaintext")
}

func plaintextCache(c *chain) []string {
	return kept(c, core.PhaseCrypto, copies, "%s keeps copies of rows above the crypto layer: in plaintext")
}

func unguardedCopy(c *chain) []string {
	return kept(c, core.PhaseAccess, func(l core.LayerInfo) bool { return l.Persists || copies(l) },
		"%s keeps rows above the access layer: nothing guards them")
}

func copies(l core.LayerInfo) bool { return l.Copies || l.Phase == core.PhaseCache }

// kept reports the layers that keep rows although a layer of the phase lies
// below them, in this chain or in a leg.
func kept(c *chain, p core.Phase, keeps func(core.LayerInfo) bool, why string) []string {
	all := c.all()
	var out []string
	for i, l := range all {
		if keeps(l) && anyPhase(all[i+1:], p) {
			out = append(out, fmt.Sprintf(why, l.Name))
		}
	}
	return out
}

func anyPhase(layers []core.LayerInfo, p core.Phase) bool {
	for _, l := range layers {
		if l.Phase == p {
			return true
		}
		for _, leg := range l.Legs {
			if anyPhase(leg.Layers, p) {
				return true
			}
		}
	}
	return false
}

// secret matches the password of a URL and assignments to names of secrets.
var secret = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s/@]*:[^\s/@]+@|(password|passwd|pwd|secret|token|api_?key|access_?key)\s*[=:]\s*[^\s]`)

// secretsShown names the place and never what it found there.
func secretsShown(c *chain) []string {
	var out []string
	look := func(where, text string) {
		if secret.MatchString(text) {
			out = append(out, fmt.Sprintf("%s looks as if it held a secret", where))
		}
	}
	d := c.description()
	look("the name of the stack", d.Name)
	look("the name of the backend", d.Backend)
	for i, l := range d.Layers {
		look(fmt.Sprintf("the name of layer %d", i+1), l.Name)
		look(fmt.Sprintf("the summary of layer %d", i+1), l.Summary)
	}
	for _, reason := range d.Accepted {
		look("the reason of an Accept", reason)
	}
	return out
}
