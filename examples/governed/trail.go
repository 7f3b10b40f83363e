package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// trailFacts are what verifying found.
type trailFacts struct {
	report  audit.Report
	denials int
	flipped *audit.DamageError // in a copy with one bit changed
}

// audited verifies the trail, and a copy in which one bit is another.
func (w *walk) audited(ctx context.Context) (err error) {
	t := &w.facts.trail
	if t.report, err = audit.Verify(ctx, w.trailDir, w.verifier, audit.Live()); err != nil {
		return err
	}
	w.out.step(5, "The audit trail: %s events, signed. It verifies", thousands(t.report.Events))
	table := [][]string{}
	for r, err := range audit.Search(ctx, w.trailDir, audit.Query{Decision: rbac.Deny}) {
		if err != nil {
			return err
		}
		t.denials++
		table = append(table, []string{r.Event.Identity, r.Event.Op.String(), string(r.Event.Feature), r.Event.Filter, r.Event.Decision})
	}
	w.out.table(append([][]string{{"identity", "op", "feature", "filter", ""}}, table...))
	if t.flipped, err = w.flipped(ctx); err != nil {
		return err
	}
	w.out.line("   A copy with one bit changed: %s", t.flipped)
	return nil
}

// flipped verifies a copy whose middle byte has one bit changed.
func (w *walk) flipped(ctx context.Context) (damage *audit.DamageError, err error) {
	dir, err := os.MkdirTemp("", "metaxy-governed-copy-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.CopyFS(dir, os.DirFS(w.trailDir)); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "audit-00000001.jsonl")
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return nil, err
	}
	_, err = audit.Verify(ctx, dir, w.verifier, audit.Live())
	if errors.As(err, &damage) {
		return damage, nil
	}
	return nil, errors.Join(errors.New("a changed copy verifies"), err)
}

// unwritable asks the same as before while the trail's volume is gone.
func (w *walk) unwritable(ctx context.Context) error {
	if err := w.away(); err != nil {
		return err
	}
	w.out.step(6, "The volume of the audit trail goes away: the same questions again")
	table := [][]string{}
	for _, c := range w.callers {
		as, err := c.as(ctx, w.tokens)
		if err != nil {
			return err
		}
		_, err = w.store.Read(as, core.ReadRequest{Key: source, Columns: []string{hexcode, "emoji", author, authorID}})
		w.facts.away = append(w.facts.away, err)
		table = append(table, []string{c.name, c.role, cut(err)})
	}
	w.out.table(append([][]string{{"caller", "", "gets"}}, table...))
	if err := w.back(); err != nil {
		return err
	}
	rows, err := w.store.Read(w.ada, core.ReadRequest{Key: source, Columns: []string{hexcode}})
	if w.facts.back = err; err != nil {
		return err
	}
	n, err := rows.Count()
	if err != nil {
		return err
	}
	if err := w.trail.Close(); err != nil {
		return err
	}
	report, err := audit.Verify(ctx, w.trailDir, w.verifier)
	if err != nil {
		return err
	}
	for _, r := range report.Recoveries {
		w.facts.refusals += r.Recovery.Refused
	}
	w.out.line("   It comes back: user:ada reads %s rows, and the trail verifies and tells of %d refused events.", thousands(n), w.facts.refusals)
	return nil
}
