package config

import (
	"context"
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
)

// Open builds the stack of a store, "" for the default: its backend, its layers
// and, complete, the stacks that it falls back to. A store that several legs
// share is opened once. Closing the stack closes them all; on error whatever
// was opened is closed again.
func (c *Config) Open(ctx context.Context, reg *Registry, name string) (*compose.Stack, error) {
	name, err := c.Store(name)
	if err != nil {
		return nil, err
	}
	b := builder{c: c, reg: reg, open: map[string]*compose.Stack{}}
	s, err := b.build(ctx, name)
	if err != nil {
		for _, s := range b.open {
			err = errors.Join(err, s.Close())
		}
		return nil, err
	}
	return s, nil
}

// builder opens each store once.
type builder struct {
	c    *Config
	reg  *Registry
	open map[string]*compose.Stack
	draw bool // stand-ins instead of backends
}

func (b *builder) build(ctx context.Context, name string) (*compose.Stack, error) {
	if s, ok := b.open[name]; ok {
		return s, nil
	}
	t := b.c.store(name)
	opts := []compose.Option{compose.Named(name)}
	for _, l := range t.layers {
		layer, err := l.make(b.c, Env{Store: name, Dir: b.c.Dir, Logger: b.reg.logger})
		if err != nil {
			return nil, err
		}
		opts = append(opts, compose.With(layer))
	}
	if len(t.fallback) > 0 {
		legs := []fallback.Option{fallback.OwnLegs()}
		for _, leg := range t.fallback {
			s, err := b.build(ctx, leg)
			if err != nil {
				return nil, err
			}
			legs = append(legs, fallback.Leg(leg, s))
		}
		if t.unavailable {
			legs = append(legs, fallback.OnUnavailable())
		}
		opts = append(opts, compose.With(fallback.NewWith(legs...)))
	}
	for _, a := range t.accept {
		opts = append(opts, compose.Accept(compose.RuleID(a[0]), a[1]))
	}
	if b.draw {
		scheme, _, _ := strings.Cut(t.backend, "://")
		opts = append(opts, compose.Backend(scheme))
	}
	base, err := b.backend(ctx, t)
	if err != nil {
		return nil, err
	}
	s, err := compose.New(base, opts...)
	if err != nil {
		return nil, errors.Join(t.pos.Errorf("store %s: %w", name, err), base.Close())
	}
	b.open[name] = s
	return s, nil
}

// backend opens what is below the layers. What it cannot open is reported with
// its place; the URL, which may hold a password, is not shown.
func (b *builder) backend(ctx context.Context, t *storeTable) (core.Store, error) {
	if b.draw {
		return memory.New(), nil
	}
	url, err := b.c.expandText(t.backend)
	if err != nil {
		return nil, t.backendPos.Errorf("store %s: %w", t.name, err)
	}
	s, err := b.reg.open(ctx, url, b.c.Dir)
	if err != nil {
		return nil, &placed{t.backendPos.String() + ": store " + t.name, err}
	}
	return s, nil
}

// placed adds a place to an error whose kind stays what it is.
type placed struct {
	where string
	err   error
}

func (e *placed) Error() string { return e.where + ": " + e.err.Error() }
func (e *placed) Unwrap() error { return e.err }

// Describe draws the stack that Open would build, without opening anything: no
// file is made and no environment variable of a backend needs to be set.
func (c *Config) Describe(name string) (compose.Drawing, error) {
	name, err := c.Store(name)
	if err != nil {
		return compose.Drawing{}, err
	}
	b := builder{c: c, reg: NewRegistry(Logger(zap.NewNop())), open: map[string]*compose.Stack{}, draw: true}
	s, err := b.build(context.Background(), name)
	for _, s := range b.open {
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		return compose.Drawing{}, err
	}
	return compose.Describe(s), nil
}
