package config

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/metrics"
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
	return newBuilder(c, reg).whole(ctx, name)
}

// whole builds a stack and, when that fails, closes what was opened for it.
func (b *builder) whole(ctx context.Context, name string) (*compose.Stack, error) {
	s, err := b.build(ctx, name)
	if err != nil {
		for _, s := range b.open {
			err = errors.Join(err, s.Close())
		}
		for _, f := range b.undo {
			f()
		}
		return nil, err
	}
	return s, nil
}

// builder opens each store once.
type builder struct {
	c      *Config
	reg    *Registry
	known  bool // reg is the program's, which may lack something
	open   map[string]*compose.Stack
	made   map[string]*assembly
	shared *shared
	undo   []func()
	draw   bool // stand-ins instead of backends
	reads  bool // drawing, but for files of text
}

func newBuilder(c *Config, reg *Registry) *builder {
	if reg.metrics == nil {
		reg = reg.With(Metrics(metrics.NewRegistry()))
	}
	return &builder{c: c, reg: reg, known: true, open: map[string]*compose.Stack{}, made: map[string]*assembly{}, shared: newShared()}
}

func (b *builder) build(ctx context.Context, name string) (*compose.Stack, error) {
	if s, ok := b.open[name]; ok {
		return s, nil
	}
	t := b.c.store(name)
	own := b.assembly()
	b.made[name] = own
	s, err := b.stack(ctx, t, own)
	if err != nil {
		return nil, errors.Join(err, own.close())
	}
	b.open[name] = s
	return s, nil
}

func (b *builder) assembly() *assembly {
	own := &assembly{shared: b.shared, reads: b.reads}
	if b.known {
		own.reg = b.reg
	}
	return own
}

func (b *builder) stack(ctx context.Context, t *storeTable, own *assembly) (*compose.Stack, error) {
	opts := []compose.Option{compose.Named(t.name)}
	layers, err := b.layers(ctx, t, own)
	if err != nil {
		return nil, err
	}
	opts = append(opts, compose.With(layers...))
	if len(t.fallback.value) > 0 {
		legs, err := b.legs(ctx, t)
		if err != nil {
			return nil, err
		}
		opts = append(opts, compose.With(fallback.NewWith(legs...)))
	}
	for _, a := range t.accept {
		opts = append(opts, compose.Accept(compose.RuleID(a.rule), a.reason))
	}
	for _, f := range own.closers {
		opts = append(opts, compose.OnClose(f))
	}
	if b.draw {
		opts = append(opts, compose.Backend(t.scheme()))
	}
	base, err := b.backend(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := own.bound(base); err != nil {
		return nil, errors.Join(err, own.close(), base.Close())
	}
	s, err := compose.New(base, opts...)
	if err != nil {
		return nil, errors.Join(t.refused(err), own.close(), base.Close())
	}
	return s, nil
}

// env is what the layers of a store are given.
func (b *builder) env(t *storeTable, own *assembly) Env {
	return Env{
		Store: t.name, Backend: t.scheme(), Dir: b.c.Dir, Logger: b.reg.logger, Metrics: b.reg.metrics, Tracer: b.reg.tracer,
		Traced: t.has("tracing"), Drawing: b.draw, caches: &[]namedCache{}, tries: &[]func() metrics.RetryStats{}, undo: &b.undo, own: own,
	}
}

// layers makes the layers of a store's tables, in their order.
func (b *builder) layers(ctx context.Context, t *storeTable, own *assembly) ([]core.Layer, error) {
	env := b.env(t, own)
	made := make([]core.Layer, len(t.layers))
	var errs []error
	for _, late := range []bool{false, true} {
		for i, l := range t.layers {
			if l.off || l.kind.late != late {
				continue
			}
			var err error
			if made[i], err = l.make(ctx, b.c, env); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return slices.DeleteFunc(made, func(l core.Layer) bool { return l == nil }), errors.Join(errs...)
}

// legs opens the stores that a store falls back to.
func (b *builder) legs(ctx context.Context, t *storeTable) ([]fallback.Option, error) {
	opts := []fallback.Option{fallback.OwnLegs()}
	for _, l := range t.fallback.value {
		s, err := b.build(ctx, l.name)
		if err != nil {
			return nil, err
		}
		opts = append(opts, fallback.Leg(l.name, s))
	}
	for key, option := range fallbackChoices() { // they commute
		if t.choices[key].value {
			opts = append(opts, option)
		}
	}
	return opts, nil
}

// backend opens what is below the layers. What it cannot open is reported with
// its place; the URL, which may hold a password, is not shown.
func (b *builder) backend(ctx context.Context, t *storeTable) (core.Store, error) {
	if b.draw {
		return memory.New(), nil
	}
	at := t.backend.pos
	url, err := b.c.expandText(t.backend.value)
	if err != nil {
		return nil, at.Errorf("store %s: %w", t.name, err)
	}
	o, err := b.reg.find(url)
	if err != nil {
		return nil, at.Errorf("store %s: %w", t.name, err)
	}
	switch own := t.password.from == ""; {
	case !t.password.set, o.file && !own:
	case o.file:
		return nil, t.password.pos.Errorf("store %s: password: a backend in a file or in memory takes none", t.name)
	default:
		password, err := b.c.secret(t.password.value).Reveal()
		if err == nil {
			url, err = withPassword(url, password)
		}
		if err != nil {
			return nil, t.password.pos.Errorf("store %s: password: %w", t.name, err)
		}
	}
	s, err := o.open(ctx, o.absolute(url, b.c.Dir))
	if err != nil {
		return nil, &placed{at.String() + ": store " + t.name, secretsOf(url), err}
	}
	return s, nil
}

// placed adds a place to an error whose kind stays what it is, and shows none of
// the secrets that its text may hold.
type placed struct {
	where   string
	secrets []string
	err     error
}

func (e *placed) Error() string {
	text := e.err.Error()
	for _, s := range e.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return e.where + ": " + text
}

func (e *placed) Unwrap() error { return e.err }

// Describe draws the stack that Open would build, without opening anything: no
// file is made and no environment variable of a backend needs to be set.
func (c *Config) Describe(name string) (compose.Drawing, error) {
	name, err := c.Store(name)
	if err != nil {
		return compose.Drawing{}, err
	}
	b := newBuilder(c, NewRegistry(Logger(zap.NewNop())))
	b.known = false
	return b.drawn(name)
}

// judge is Describe with what a program can open, and with a look into files
// of text.
func (c *Config) judge(reg *Registry, name string) error {
	b := newBuilder(c, reg.With(Logger(zap.NewNop()), Metrics(metrics.NewRegistry())))
	b.reads = true
	_, err := b.drawn(name)
	return err
}

// drawn builds with stand-ins and describes what comes out.
func (b *builder) drawn(name string) (compose.Drawing, error) {
	b.draw = true
	s, err := b.build(context.Background(), name)
	for _, s := range b.open {
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		return compose.Drawing{}, err
	}
	return compose.Describe(s), nil
}
