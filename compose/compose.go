// Package compose builds a stack of layers over a backend and refuses stacks
// whose order would leak data.
//
//	store, err := compose.New(db, compose.Named("dev"), compose.With(
//		logging.New(logger), fallback.New(prod)))
//
// Layers take their places by phase, whatever the order of the options. What
// is wrong with a stack is an error when it is built: every problem at once,
// each a [Violation] with its rule's name, and [Rules] lists the rules.
package compose

import (
	"errors"
	"fmt"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// New builds a stack over base. On error base is untouched, and what was
// wrapped around it so far is closed. Problems with the stack itself are
// Violations, which match core.ErrInvalid; what a layer's Wrap reports is
// passed on.
//
// A panic of a layer or of base becomes an error that names it and the
// operation and holds a PanicError, so that one of them does not end the
// process. A panic of the caller's, in a loop over rows or in the rows that are
// written, goes on unchanged.
//
// The stack owns base: closing it closes base, unless KeepBaseOpen is given.
func New(base core.Store, opts ...Option) (*Stack, error) {
	if isNil(base) {
		return nil, fmt.Errorf("compose: %w: the base store is nil", core.ErrInvalid)
	}
	c := newConfig(opts)
	d := describe(base, c)
	problems := check(&d)

	desc := d.description()
	bottom := &guard{next: base, name: desc.Backend}
	s := &Stack{top: bottom, desc: desc, base: base, bottom: bottom, holders: d.holders()}
	for _, slot := range slices.Backward(d.own) {
		next, err := wrap(slot, s.top, d.accepts)
		problems = append(problems, err...)
		if next == nil {
			continue
		}
		if core.SameStore(next, s.top) {
			continue
		}
		s.top = &guard{next: next, name: slot.info.Name}
		s.closers = append(s.closers, s.top)
	}
	problems = append(problems, d.accepts.unused()...)
	if len(problems) > 0 {
		problems = append(problems, s.closeLayers())
		return nil, fmt.Errorf("compose: %w", errors.Join(problems...))
	}
	s.keepBase, s.onClose = c.keepBase, c.onClose
	return s, nil
}

// wrap puts one layer on. Without a store the layer is left out and the others
// are still tried, so that every problem is found.
func wrap(l slot, below core.Store, a *acceptance) (core.Store, []error) {
	got, err := guardWrap(l, below)
	if err != nil {
		return nil, []error{fmt.Errorf("layer %s: %w", l.info.Name, err)}
	}
	if isNil(got) {
		return nil, a.report(NilLayer, fmt.Sprintf("layer %s made no store", l.info.Name))
	}
	if !l.info.Phase.Enforcing() {
		return got, nil
	}
	if why := notStrict(got, below); why != "" {
		return got, a.report(StrictEnforcing, fmt.Sprintf("layer %s: %s", l.info.Name, why))
	}
	return got, nil
}
