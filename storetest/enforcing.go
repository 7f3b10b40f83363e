package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// guarded is a filled store behind a tap and the layer. What filled it was the
// admin, through the layer.
func (z *enforcingRun) guarded(e *env, opts ...TapOption) (core.Store, *TapLayer, core.Store) {
	e.Helper()
	inner := z.l.inner(e.tb())
	tap := Tap(opts...)
	s := z.l.wrap(e.tb(), inner, tap)
	e.Cleanup(func() { _ = s.Close() })
	e.writeVideos(s, videos(0, 6)...)
	e.writeSimple(s, string(KeyLabel), "s001")
	e.writeResolved(s, KeyCrop)
	return s, tap, inner
}

// call makes one call of an operation that is right in itself.
func (z *enforcingRun) call(e *env, ctx context.Context, s core.Store, op core.Op) error {
	return everyOpOf(e, s, ctx, op)
}

// everyOpOf is everyOp for one operation.
func everyOpOf(e *env, s core.Store, ctx context.Context, op core.Op) (err error) {
	switch op {
	case core.OpWrite:
		_, err = s.Write(ctx, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), video("x", 1))})
	case core.OpRead:
		var rows core.Rows
		if rows, err = s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id"}}); err == nil {
			_, err = rows.Count()
		}
	case core.OpResolve:
		_, err = s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyCrop)})
	case core.OpList:
		for _, lerr := range s.List(ctx, core.ListRequest{}) {
			err = first(err, lerr)
		}
	case core.OpStat:
		_, err = s.Stat(ctx, core.StatRequest{Key: KeyVideo})
	case core.OpEvolve:
		_, err = s.Evolve(ctx, core.EvolveRequest{Key: KeyVideo, Base: 1, Changes: []core.SchemaChange{addNote}})
	default:
		e.Fatalf("no call for operation %s: an operation was added to core.Op", op)
	}
	return err
}

// z1 is generated from core.Ops: a new operation fails here until it is decided.
func (z *enforcingRun) z1(e *env) {
	s, tap, _ := z.guarded(e)
	tap.Reset()
	for op := range core.Ops() {
		for what, ctx := range map[string]context.Context{"no identity": e.Context(), "an empty identity": z.cfg.role(e, "")} {
			err := z.call(e, ctx, s, op)
			if got := sentinelOf(err); got != core.ErrUnauthenticated.Error() {
				e.Errorf("%s with %s: error matches %q, want ErrUnauthenticated: %v", op, what, got, err)
			}
		}
	}
	tap.ExpectNoMoreCalls(e.T)
}

// z2: each cell of the matrix is made on a store of its own.
func (z *enforcingRun) z2(e *env) {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s", "")
	for _, role := range z.cfg.Roles {
		fmt.Fprintf(&b, " %-16s", role)
	}
	for op := range core.Ops() {
		fmt.Fprintf(&b, "\n%-10s", op)
		for _, role := range z.cfg.Roles {
			s, _, _ := z.guarded(e)
			answer := "yes"
			if err := z.call(e, z.cfg.role(e, role), s, op); err != nil {
				answer = sentinelOf(err)
			}
			fmt.Fprintf(&b, " %-16s", answer)
		}
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	Golden(e.T, z.cfg.Matrix, strings.Join(lines, "\n")+"\n")
}

// z3: whoever is denied, the store below was not called.
func (z *enforcingRun) z3(e *env) {
	denied := 0
	for _, role := range z.cfg.Roles {
		for op := range core.Ops() {
			s, tap, _ := z.guarded(e)
			tap.Reset()
			err := z.call(e, z.cfg.role(e, role), s, op)
			if got := sentinelOf(err); got == core.ErrDenied.Error() || got == core.ErrUnauthenticated.Error() {
				denied++
				tap.ExpectNoMoreCalls(e.T)
			}
		}
	}
	if denied == 0 {
		e.Error("no role is denied anything: Roles must hold one that is")
	}
}

// z4 tries to see a protected column in every way that a request has.
func (z *enforcingRun) z4(e *env) {
	if z.cfg.Reader == "" || len(z.cfg.Protected) == 0 {
		e.Skip("no column is protected from a reader: Reader or Protected is not set")
	}
	s, tap, _ := z.guarded(e)
	ctx := z.cfg.role(e, z.cfg.Reader)
	secret := z.cfg.Protected[0]
	rows, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id"}})
	e.must("the reader's own column", err)
	if _, err := rows.Count(); err != nil {
		e.Errorf("the reader's own column: %v", err)
	}
	tap.Reset()
	upstream := core.NewFeature(string(KeyVideo), core.Container("frames"), core.Container("audio"))
	hidden := graphOf(e, upstream, core.NewFeature(string(KeyCrop), core.DependsOn(string(KeyVideo), core.Where(expr.Col(secret).HasPrefix("/data/s00"))),
		core.Container("frames"), core.Container("audio")))
	renamed := graphOf(e, upstream, core.NewFeature(string(KeyCrop), core.DependsOn(string(KeyVideo), core.Rename(secret, "harmless")),
		core.Container("frames"), core.Container("audio")))
	for what, f := range map[string]func() error{
		"a column": func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{secret}})
			return err
		},
		"a column of the past": func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{secret}, AsOf: core.AtCommit(1)})
			return err
		},
		"a filter": func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id"}, Filter: expr.Col(secret).HasPrefix("/")})
			return err
		},
		"a filter deep inside": func() error {
			_, err := s.Read(ctx, core.ReadRequest{Key: KeyVideo, Columns: []string{"sample_id"}, Filter: expr.Or(expr.Col("sample_id").Eq("x"), expr.Not(expr.Col(secret).IsNull()))})
			return err
		},
		"a resolve's column": func() error {
			_, err := s.Resolve(ctx, core.ResolveRequest{Plan: plan(KeyCrop), Columns: []string{secret}})
			return err
		},
		"a dependency's filter": func() error { _, err := s.Resolve(ctx, core.ResolveRequest{Plan: planIn(hidden, KeyCrop)}); return err },
		"a renamed column": func() error {
			_, err := s.Resolve(ctx, core.ResolveRequest{Plan: planIn(renamed, KeyCrop), Columns: []string{"harmless"}})
			return err
		},
	} {
		if err := f(); sentinelOf(err) != core.ErrDenied.Error() {
			e.Errorf("a protected column as %s: %v, want ErrDenied", what, err)
		}
	}
	for _, c := range tap.Calls(core.OpRead) {
		if slices.Contains(c.Read.Columns, secret) || slices.Contains(expr.Columns(c.Read.Filter), secret) {
			e.Errorf("a protected column was asked for below: %s", c)
		}
	}
	// All columns: refused, or without the protected ones.
	rows, err = s.Read(ctx, core.ReadRequest{Key: KeyVideo})
	if err == nil && rows.Schema.HasField(secret) {
		e.Errorf("a read of all columns shows %q to the reader", secret)
	} else if err != nil && sentinelOf(err) != core.ErrDenied.Error() {
		e.Errorf("a read of all columns: %v, want ErrDenied or the other columns", err)
	}
}
