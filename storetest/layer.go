package storetest

import (
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

const whyY1 = "a layer that changes an answer changes what is computed"

func layerGroups(l *layerRun) []group {
	return []group{{"Layer", []property{
		{code: "Y1", name: "same_answers_as_the_bare_store", run: l.y1, why: whyY1},
		{code: "Y2", name: "faults_below_surface", run: l.y2, why: "a swallowed error is data that is silently not there"},
		{code: "Y3", name: "every_method_reaches_the_store_below", run: l.y3, why: "a method that a layer forgot is a hole in it"},
		{code: "Y4", name: "methods_are_exactly_those_of_store", run: l.y4, why: "an extra method is a way around the layers above"},
		{code: "Y5", name: "capabilities_within_those_below", run: l.y5, why: "a layer cannot do natively what the store below cannot"},
		{code: "Y6", name: "does_not_close_what_it_did_not_open", run: l.y6, why: "the store below may serve others"},
		{code: "Y7", name: "two_instances_share_no_state", run: l.y7, why: "one tenant must not see another's rows through a cache"},
	}}}
}

// layerRun makes stacks of one layer over one store.
type layerRun struct {
	cfg LayerConfig
	mu  sync.Mutex
	in  map[core.Store]core.Store // wrapped to inner
}

func newLayerRun(cfg LayerConfig) *layerRun {
	if cfg.New == nil {
		cfg.New = func(t testing.TB) core.Store { return memory.New(memory.Allocator(Allocator(t))) }
	}
	return &layerRun{cfg: cfg, in: map[core.Store]core.Store{}}
}

// config is the store under test as Run takes it: the layer over a bare store.
func (l *layerRun) config() Config {
	c := Config{Skip: l.cfg.Skip, Types: l.cfg.Types, Checks: l.cfg.Checks}
	c.New = func(t testing.TB) core.Store { return l.wrap(t, l.inner(t)) }
	if l.cfg.Reopen != nil {
		c.Reopen = func(t testing.TB, s core.Store) core.Store {
			t.Helper()
			if err := s.Close(); err != nil {
				t.Errorf("close the layer: %v", err)
			}
			l.mu.Lock()
			inner := l.in[s]
			l.mu.Unlock()
			again := l.cfg.Reopen(t, inner)
			t.Cleanup(func() { _ = again.Close() })
			return l.wrap(t, again)
		}
	}
	return c
}

// inner makes a bare store and closes it at the end.
func (l *layerRun) inner(t testing.TB) core.Store {
	t.Helper()
	s := l.cfg.New(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// wrap puts a new instance of the layer over a store, through other layers if
// any are given (innermost first).
func (l *layerRun) wrap(t testing.TB, inner core.Store, between ...core.Layer) core.Store {
	t.Helper()
	below := inner
	var err error
	for _, b := range append(between, l.cfg.Layer(t)) {
		if below, err = b.Wrap(below); err != nil {
			t.Fatalf("wrap: %v", err)
		}
	}
	l.mu.Lock()
	l.in[below] = inner
	l.mu.Unlock()
	return below
}

// fill writes the fixtures through an instance of the layer, which may store
// them in a form of its own.
func (l *layerRun) fill(e *env, inner core.Store) {
	e.Helper()
	s := l.wrap(e.tb(), inner)
	defer func() { _ = s.Close() }()
	fill(e.tb(), e.ctx(), s)
}

// compare runs steps over the layer and over a bare store. It gives the first
// step whose answers differ, or -1.
func (l *layerRun) compare(e *env, steps []Step) (int, string) {
	bare, inner := l.cfg.New(e.tb()), l.cfg.New(e.tb())
	defer func() { _ = bare.Close() }()
	defer func() { _ = inner.Close() }()
	wrapped := l.wrap(e.tb(), inner)
	defer func() { _ = wrapped.Close() }()
	for at, step := range steps {
		want, got := step.do(e, bare), step.do(e, wrapped)
		if _, differs := l.cfg.Differs[step.Op]; differs {
			continue
		}
		if d := Diff(want, got); d != "" {
			return at, d
		}
	}
	return -1, ""
}

func (l *layerRun) y1(e *env) {
	e.check(40, func(rt *rapid.T) {
		steps := Steps(14).Draw(rt, "steps")
		if at, d := l.compare(e, steps); at >= 0 {
			rt.Fatalf("step %d, %#v, through the layer and without it: %s\n%s", at, steps[at], d, script(steps[:at+1]))
		}
	})
}

func (l *layerRun) y3(e *env) {
	inner := l.inner(e.tb())
	l.fill(e, inner)
	tap := Tap()
	s := l.wrap(e.tb(), inner, tap)
	defer func() { e.must("close", s.Close()) }()
	for op := range core.Ops() {
		tap.Reset()
		callOne(e, s, op)
		reached := slices.ContainsFunc(tap.Calls(0), func(c Call) bool { return c.Op == op })
		reason, exempt := l.cfg.NotCalled[op]
		switch {
		case !reached && !exempt:
			e.Errorf("%s did not reach the store below, and NotCalled gives no reason", op)
		case reached && exempt:
			e.Errorf("%s reached the store below although NotCalled says it does not: %s", op, reason)
		case !reached && reason == "":
			e.Errorf("NotCalled[%s] gives no reason", op)
		}
	}
	tap.Reset()
	_ = s.Capabilities()
	if n := len(tap.Calls(0)); n != 0 {
		e.Errorf("Capabilities made %d calls below; it does no I/O", n)
	}
}

// callOne makes a call of one operation that must succeed on what Fill wrote.
func callOne(e *env, s core.Store, op core.Op) {
	e.Helper()
	var err error
	switch op {
	case core.OpWrite:
		_, err = s.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), video("one", 1))})
	case core.OpRead:
		var rows core.Rows
		if rows, err = s.Read(e.ctx(), core.ReadRequest{Key: KeyVideo}); err == nil {
			_, err = rows.Count()
		}
	case core.OpResolve:
		_, err = s.Resolve(e.ctx(), core.ResolveRequest{Plan: plan(KeyCrop)})
	case core.OpList:
		e.list(s, core.ListRequest{})
	case core.OpStat:
		_, err = s.Stat(e.ctx(), core.StatRequest{Key: KeyVideo})
	case core.OpEvolve:
		_, err = s.Evolve(e.ctx(), core.EvolveRequest{Key: KeyVideo, Base: 1, Changes: []core.SchemaChange{addNote}})
	}
	e.must(op.String(), err)
}

func (l *layerRun) y4(e *env) {
	s := e.store()
	var want, got []string
	for m := range reflect.TypeFor[core.Store]().Methods() {
		want = append(want, m.Name)
	}
	typ := reflect.TypeOf(s)
	for i := range typ.NumMethod() {
		got = append(got, typ.Method(i).Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		e.Errorf("the wrapped %s has methods %v, want exactly %v", typ, got, want)
	}
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Struct {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Anonymous && f.Type.Implements(reflect.TypeFor[core.Store]()) {
				e.Errorf("%s embeds %s: a method added to Store would pass through unseen", typ, f.Type)
			}
		}
	}
	info := l.cfg.Layer(e.tb()).Info()
	if info.Name == "" || !info.Phase.Valid() {
		e.Errorf("Info is %+v, want a name and a phase", info)
	}
	if info.Phase.Enforcing() {
		if _, ok := s.(core.EnforcingStore); !ok {
			e.Errorf("a layer of phase %s whose store is not built on core.Strict", info.Phase)
		}
	}
}

func (l *layerRun) y5(e *env) {
	inner := l.inner(e.tb())
	s := l.wrap(e.tb(), inner)
	defer func() { e.must("close", s.Close()) }()
	got, below, adds := s.Capabilities(), inner.Capabilities(), l.cfg.Adds
	for what, ok := range map[string]bool{
		"NativeResolve": !got.NativeResolve || below.NativeResolve || adds.NativeResolve,
		"PushFilters":   got.PushFilters&^(below.PushFilters|adds.PushFilters) == expr.Kind(0),
		"PushColumns":   !got.PushColumns || below.PushColumns || adds.PushColumns,
		"TimeTravel":    !got.TimeTravel || below.TimeTravel || adds.TimeTravel,
		"Durable":       !got.Durable || below.Durable || adds.Durable,
		"Evolve":        got.Evolve&^(below.Evolve|adds.Evolve) == 0,
	} {
		if !ok {
			e.Errorf("the layer claims %s beyond the store below: %+v over %+v", what, got, below)
		}
	}
	if adds != (core.Capabilities{}) && got == below {
		e.Errorf("Adds is declared and nothing is added: %+v", got)
	}
}

func (l *layerRun) y6(e *env) {
	inner := l.inner(e.tb())
	s, other := l.wrap(e.tb(), inner), l.wrap(e.tb(), inner)
	e.writeVideos(s, videos(0, 3)...)
	e.must("close", s.Close())
	if _, err := inner.Stat(e.ctx(), core.StatRequest{Key: KeyVideo}); err != nil {
		e.Errorf("after the layer was closed the store below answers %v", err)
	}
	if n := len(e.read(other, core.ReadRequest{Key: KeyVideo})); n != 3 {
		e.Errorf("after one layer was closed another over the same store reads %d rows, want 3", n)
	}
	e.must("close the other", other.Close())
}

// y7: two instances over two stores, and one instance that wraps two stores.
func (l *layerRun) y7(e *env) {
	one := l.cfg.Layer(e.tb())
	for what, layers := range map[string][2]core.Layer{
		"two instances": {l.cfg.Layer(e.tb()), l.cfg.Layer(e.tb())}, "one instance over two stores": {one, one},
	} {
		var stores [2]core.Store
		for i, layer := range layers {
			s, err := layer.Wrap(l.inner(e.tb()))
			e.must("wrap", err)
			stores[i] = s
		}
		e.writeVideos(stores[0], videos(0, 4)...)
		e.read(stores[0], core.ReadRequest{Key: KeyVideo})
		_, err := stores[1].Read(e.ctx(), core.ReadRequest{Key: KeyVideo})
		e.is(what+": the other store's feature", err, core.ErrFeatureNotFound)
		e.writeVideos(stores[1], videos(10, 12)...)
		e.same(what+": the first store's samples", []string{"s000", "s001", "s002", "s003"}, e.ids(stores[0], core.ReadRequest{Key: KeyVideo}))
		e.same(what+": the other store's samples", []string{"s010", "s011"}, e.ids(stores[1], core.ReadRequest{Key: KeyVideo}))
		e.must("close", stores[0].Close())
		if n := len(e.read(stores[1], core.ReadRequest{Key: KeyVideo})); n != 2 {
			e.Errorf("%s: after the first was closed the other reads %d rows", what, n)
		}
		e.must("close", stores[1].Close())
	}
}
