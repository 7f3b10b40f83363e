package main

import (
	"context"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

func isFox() expr.Expr               { return expr.Col(hexcode).Eq(fox) }
func byAuthor(name string) expr.Expr { return expr.Col(author).Eq(name) }

// rotate writes with another key and encrypts again what the old one wrote.
func (w *walk) rotate(ctx context.Context) (err error) {
	if _, err = w.ring.Rotate(ctx); err != nil {
		return err
	}
	if w.facts.rotated, err = w.increments(w.ada, w.release); err != nil {
		return err
	}
	w.out.step(3, "The key is rotated, and everything is encrypted again")
	table := [][]string{{"feature", "unchanged", "new", "stale", "orphaned", "encrypted again", "under the old key"}}
	var reports []string
	for _, key := range w.graph.Keys() {
		p, err := w.graph.Plan(key)
		if err != nil {
			return err
		}
		r, err := w.crypto.Reencrypt(ctx, w.base, p, 1<<16, nil)
		if err != nil {
			return err
		}
		w.facts.rewritten += r.Rewritten
		w.facts.oldShare = max(w.facts.oldShare, r.Share())
		reports = append(reports, thousands(r.Rewritten), thousands(r.Old-r.Rewritten))
	}
	if w.facts.again, err = w.increments(w.ada, w.release); err != nil {
		return err
	}
	for i, key := range w.graph.Keys() {
		s := w.facts.again[i]
		table = append(table, []string{string(key), thousands(s.Unchanged), thousands(s.New), thousands(s.Stale), thousands(s.Orphaned), reports[2*i], reports[2*i+1]})
	}
	w.out.table(table)
	return nil
}

// forgotten counts readable values in the whole history of both features that
// hold something of authors.
type forgotten struct {
	theirs, others int // values
	rows           int // of the one author, values or not
}

// forget shreds one author.
func (w *walk) forget(ctx context.Context) error {
	who, err := w.pseudonym(ctx, "Sofie Ascherl")
	if err != nil {
		return err
	}
	if w.facts.before, err = w.readable(who); err != nil {
		return err
	}
	if err := w.subjects.Shred(ctx, w.ring, who); err != nil {
		return err
	}
	if w.facts.after, err = w.readable(who); err != nil {
		return err
	}
	p, err := w.graph.Plan(source)
	if err != nil {
		return err
	}
	samples, err := w.samples(ctx, w.release)
	if err != nil {
		return err
	}
	_, w.facts.writeRefused = w.store.Write(w.ada, core.WriteRequest{Plan: p, Rows: samples})
	before, after := w.facts.before, w.facts.after
	w.out.step(4, "%s is forgotten: the secret of one author is destroyed", who)
	w.out.table([][]string{
		{"values that can be read, in all commits", "before", "after"},
		{"of " + who, thousands(before.theirs), thousands(after.theirs)},
		{"of all others", thousands(before.others), thousands(after.others)},
	})
	w.out.line("   writing them anew: %s", cut(w.facts.writeRefused))
	return nil
}

func (w *walk) readable(who string) (forgotten, error) {
	var f forgotten
	for key, column := range map[core.FeatureKey]string{source: author, credit: line} {
		rows, err := w.store.Read(w.ada, core.ReadRequest{Key: key, Columns: []string{authorID, column}, History: true})
		if err != nil {
			return f, err
		}
		cells, err := collect(rows, authorID, column)
		if err != nil {
			return f, err
		}
		for _, row := range cells {
			switch theirs := row[0].text == who; {
			case theirs && !row[1].null:
				f.theirs++
				fallthrough
			case theirs:
				f.rows++
			case !row[1].null:
				f.others++
			}
		}
	}
	return f, nil
}
