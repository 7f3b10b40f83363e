package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// facts are what the tour found, for its test.
type facts struct {
	samples int
	views   []view
	stored  cell // of the fox's author, as storage has it

	rotated, again []core.Stats // increments after the rotation, and after encrypting again
	rewritten      int64
	oldShare       float64

	before, after forgotten
	writeRefused  error

	trail    trailFacts
	away     []error // what each caller gets while nothing can be recorded
	back     error   // what the engineer gets afterwards
	refusals int64   // as the trail tells them
}

// walk is a tour in progress.
type walk struct {
	*governed
	out     printer
	callers []caller
	tokens  *identity.Tokens
	release release
	facts   facts
	ada     context.Context // of the engineer, who runs the pipeline
}

// tour shows what guards a store, step by step.
func tour(ctx context.Context, base core.Store, dir string, out printer) (f facts, err error) {
	g, err := open(ctx, base, dir)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	w := &walk{governed: g, out: out}
	if w.callers, w.tokens, err = newCallers(); err != nil {
		return f, err
	}
	if w.ada, err = w.callers[0].as(ctx, w.tokens); err != nil {
		return f, err
	}
	for _, step := range []func(context.Context) error{w.build, w.look, w.rotate, w.forget, w.audited, w.unwritable} {
		if err := step(ctx); err != nil {
			return w.facts, err
		}
	}
	return w.facts, nil
}

// build brings two releases, so that there is a history.
func (w *walk) build(context.Context) error {
	for _, version := range []string{"16.0.0", "17.0.0"} {
		var err error
		if w.release, err = loadRelease(version); err != nil {
			return err
		}
		if err := w.bring(w.ada, w.release); err != nil {
			return err
		}
	}
	w.facts.samples = len(w.release.records)
	w.out.step(1, "Two releases of OpenMoji: %s emoji, %d features, through", thousands(w.facts.samples), len(w.graph.Keys()))
	for l := range strings.Lines(fmt.Sprint(w.store)) {
		w.out.line("   %s", strings.TrimRight(l, "\n"))
	}
	return nil
}

// fox is the emoji that everybody asks for.
const fox = "1F98A"

// view is what somebody gets of openmoji/source.
type view struct {
	caller, role string
	err          error
	rows         int
	fox          []cell // emoji, author, pseudonym
	byAuthor     error  // when asking for the rows of one author
	credit       error  // when asking for credit lines
}

// look asks the same as everybody.
func (w *walk) look(ctx context.Context) error {
	table := [][]string{{"caller", "", "rows", "", "author", "author_id"}}
	var asides []string
	for _, c := range append(w.callers, caller{name: "nobody"}) {
		as := ctx
		if c.token != "" {
			var err error
			if as, err = c.as(ctx, w.tokens); err != nil {
				return err
			}
		}
		v := w.view(as, c)
		w.facts.views = append(w.facts.views, v)
		if v.err != nil {
			table = append(table, []string{c.name, c.role, "-", "", cut(v.err)})
			continue
		}
		table = append(table, []string{c.name, c.role, thousands(v.rows), v.fox[0].text, v.fox[1].text, v.fox[2].text})
		if v.byAuthor != nil {
			asides = append(asides, "filters by author:  "+cut(v.byAuthor), "asks for credits:   "+cut(v.credit))
		}
	}
	rows, err := w.base.Read(ctx, core.ReadRequest{Key: source, Columns: []string{author}, Filter: isFox()})
	if err != nil {
		return err
	}
	cells, err := collect(rows, author)
	if err != nil {
		return err
	}
	w.facts.stored = cells[0][0]
	table = append(table, []string{"(the file)", "", "", "", w.facts.stored.text[:16] + "…", ""})
	w.out.step(2, "The same question by four callers: the author of the fox")
	w.out.table(table)
	for _, a := range asides {
		w.out.line("   user:lin %s", a)
	}
	return nil
}

func (w *walk) view(ctx context.Context, c caller) view {
	v := view{caller: c.name, role: c.role}
	rows, err := w.store.Read(ctx, core.ReadRequest{Key: source, Columns: []string{hexcode, "emoji", author, authorID}})
	if v.err = err; err != nil {
		return v
	}
	cells, err := collect(rows, hexcode, "emoji", author, authorID)
	v.err, v.rows = err, len(cells)
	for _, row := range cells {
		if row[0].text == fox {
			v.fox = row[1:]
		}
	}
	_, v.byAuthor = w.store.Read(ctx, core.ReadRequest{Key: source, Filter: byAuthor("Sofie Ascherl")})
	_, v.credit = w.store.Read(ctx, core.ReadRequest{Key: credit, Columns: []string{line}})
	return v
}
