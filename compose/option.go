package compose

import (
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// Option configures New. Options commute: the order they are written in never
// changes the stack, except that layers of one phase keep their written order,
// outermost first.
type Option func(*config)

type config struct {
	name     string
	backend  string
	layers   []core.Layer
	accepted []accepted
	keepBase bool
	onClose  []func() error
}

type accepted struct {
	rule   RuleID
	reason string
}

func newConfig(opts []Option) config {
	var c config
	for _, set := range opts {
		if set != nil {
			set(&c)
		}
	}
	return c
}

// With adds layers. Each takes its place by phase.
func With(layers ...core.Layer) Option {
	layers = slices.Clone(layers)
	return func(c *config) { c.layers = append(c.layers, layers...) }
}

// Accept overrides one rule. The reason is required: it is kept in the
// description of the stack, where an auditor will find it. Accepting a rule
// that the stack does not break is an error, so no exemption outlives its
// cause.
func Accept(rule RuleID, reason string) Option {
	return func(c *config) { c.accepted = append(c.accepted, accepted{rule, reason}) }
}

// KeepBaseOpen makes Close leave the base store open, for a base that several
// stacks share.
func KeepBaseOpen() Option { return func(c *config) { c.keepBase = true } }

// OnClose calls f when the stack is closed, after its layers and before its base;
// of several the last one first. It is for what the layers were given and do not
// close themselves. When New fails f is not called.
func OnClose(f func() error) Option { return func(c *config) { c.onClose = append(c.onClose, f) } }

// Named gives the stack a name, such as "dev", for drawings and for the stacks
// that fall back to it.
func Named(name string) Option { return func(c *config) { c.name = name } }

// Backend gives the base another name in the description than that of its
// package. It must not hold a secret.
func Backend(name string) Option { return func(c *config) { c.backend = name } }
