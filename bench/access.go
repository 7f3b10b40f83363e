package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// bigPolicy has some 10,000 rules: 1,000 users in 100 roles, rules of their own
// and of their roles, roles within roles.
func bigPolicy() string {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "g, user:u%d, role:r%d\n", i, i%100)
		for j := range 7 {
			fmt.Fprintf(&b, "p, user:u%d, area%d/feature%d, %s, allow\n", i, j, i, []string{"read", "write", "stat"}[j%3])
		}
	}
	for i := range 100 {
		for j := range 20 {
			fmt.Fprintf(&b, "p, role:r%d, area%d/**, %s, allow\n", i, j, []string{"read", "resolve", "list"}[j%3])
		}
		if i > 0 && i%10 != 0 {
			fmt.Fprintf(&b, "g, role:r%d, role:r%d\n", i, i-i%10)
		}
		fmt.Fprintf(&b, "p, role:r%d, bench/**, *, allow\n", i)
	}
	return b.String()
}

// asUser is a context of one of the policy's users.
func asUser(ctx context.Context, i int) context.Context {
	return identity.With(ctx, identity.Identity{Name: fmt.Sprintf("user:u%d", i)})
}

// rbacTable tells what a decision costs, and the layer on a large read.
func (b *bench) rbacTable(ctx context.Context) (out *section, err error) {
	policy, err := rbac.ParsePolicy(bigPolicy())
	if err != nil {
		return nil, err
	}
	out = &section{
		name: "rbac", title: "Access control",
		head: []string{"what", "bare", "with the layer", "difference or ratio", "wanted"},
	}
	b.decisions(policy, out)
	if err := b.decidedCalls(ctx, policy, out); err != nil {
		return nil, err
	}
	if err := b.guardedRead(ctx, policy, out); err != nil {
		return nil, err
	}
	out.note("A policy of %s rules. The call is a Read of a store that does nothing, whose rows are not ranged over: what the layer adds is the decision and all that stands around it. No row rules, no masks.",
		thousand(len(policy.Rules())))
	return out, nil
}

func thousand(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

const decisionCalls = 100_000

// decisions times questions about many callers and features, a thousand at a
// time.
func (b *bench) decisions(policy *rbac.Policy, out *section) {
	var ids []identity.Identity
	for i := range 64 {
		ids = append(ids, identity.Identity{Name: fmt.Sprintf("user:u%d", i*15)})
	}
	keys := []core.FeatureKey{"area0/feature3", "area5/x/y", "area19/feature", "none/at/all"}
	var times []time.Duration
	for range 200 {
		began := time.Now()
		for i := range 1000 {
			policy.Allows(ids[i%len(ids)], core.OpRead, keys[i%len(keys)])
		}
		times = append(times, time.Since(began)/1000)
	}
	out.add("a decision", "", micro(median(times)), "", "0.50 µs")
}

// decidedCalls times calls by many callers on a store that does nothing.
func (b *bench) decidedCalls(ctx context.Context, policy *rbac.Policy, out *section) error {
	p, rows, err := people(10, 1)
	if err != nil {
		return err
	}
	below := &shelf{}
	defer below.drop()
	if _, err := below.Write(ctx, core.WriteRequest{Plan: p, Rows: rows}); err != nil {
		return err
	}
	guarded, err := rbac.New(policy).Wrap(below)
	if err != nil {
		return err
	}
	var callers []context.Context
	for i := range 64 {
		callers = append(callers, asUser(ctx, i*15))
	}
	req := core.ReadRequest{Key: cryptoKey}
	calls := func(s core.Store) func() error {
		return func() error {
			for i := range decisionCalls {
				if _, err := s.Read(callers[i%len(callers)], req); err != nil {
					return err
				}
			}
			return nil
		}
	}
	times, err := race(max(b.rounds*3, 9), []contender{{name: "bare", run: calls(below)}, {name: "rbac", run: calls(guarded)}})
	if err != nil {
		return err
	}
	bare, with := median(times[0])/decisionCalls, median(times[1])/decisionCalls
	out.add("a call", micro(bare), micro(with), micro(with-bare), "")
	return nil
}

// guardedRead ranges over a million rows in memory.
func (b *bench) guardedRead(ctx context.Context, policy *rbac.Policy, out *section) (err error) {
	all, err := shapes()
	if err != nil {
		return err
	}
	s := &stacks{bare: memory.New(), shape: all[0]}
	defer func() { err = errors.Join(err, s.bare.Close()) }()
	n := b.cryptoRows()
	if err := writeRoot(ctx, s.bare, s.shape, s.shape.roots[0], n, 1, 1); err != nil {
		return err
	}
	guarded, err := rbac.New(policy).Wrap(s.bare)
	if err != nil {
		return err
	}
	as := asUser(ctx, 0)
	reads := func(store core.Store) func() error {
		return func() error {
			for range stackReads {
				if err := s.read(as, store, n); err != nil {
					return err
				}
			}
			return nil
		}
	}
	times, err := race(max(b.rounds*3, 9), []contender{{name: "bare", run: reads(s.bare)}, {name: "rbac", run: reads(guarded)}})
	if err != nil {
		return err
	}
	out.add("a read of "+count(n)+" rows", ms(median(times[0])/stackReads), ms(median(times[1])/stackReads), fmt.Sprintf("%.3f", ratio(times[1], times[0])), "1.02")
	return nil
}

const (
	auditCalls   = 5000
	auditRecords = 100_000
)

// auditTable tells what recording a call costs, and verifying a trail.
func (b *bench) auditTable(ctx context.Context) (out *section, err error) {
	out = &section{
		name: "audit", title: "The audit trail",
		head: []string{"what", "time", "wanted"},
	}
	private, public, err := audit.GenerateKey()
	if err != nil {
		return nil, err
	}
	signer, err := audit.ParseSigner(private)
	if err != nil {
		return nil, err
	}
	verifier, err := audit.ParseVerifier(public)
	if err != nil {
		return nil, err
	}
	if err := b.recordedCalls(ctx, signer, out); err != nil {
		return nil, err
	}
	if err := b.verification(ctx, signer, verifier, out); err != nil {
		return nil, err
	}
	out.note("A recorded call is two records, the decision and the outcome, in lines that are chained and signed after each 1,000. Its time is what the call takes longer than without a recorder, one caller after the other.")
	return out, nil
}

func (b *bench) recordedCalls(ctx context.Context, signer audit.Signer, out *section) (err error) {
	policy, err := rbac.ParsePolicy("p, user:u0, **, *, allow")
	if err != nil {
		return err
	}
	p, rows, err := people(10, 1)
	if err != nil {
		return err
	}
	below := &shelf{}
	defer below.drop()
	if _, err := below.Write(ctx, core.WriteRequest{Plan: p, Rows: rows}); err != nil {
		return err
	}
	as := asUser(ctx, 0)
	calls := func(opts ...rbac.Option) (func() error, error) {
		s, err := rbac.New(policy, opts...).Wrap(below)
		return func() error {
			for range auditCalls {
				if _, err := s.Stat(as, core.StatRequest{Key: cryptoKey}); err != nil {
					return err
				}
			}
			return nil
		}, err
	}
	var contenders []contender
	none, err := calls()
	if err != nil {
		return err
	}
	contenders = append(contenders, contender{name: "not recorded", run: none})
	for _, sync := range []struct {
		name   string
		policy audit.SyncPolicy
	}{{"SyncBatch, the default", audit.SyncBatch}, {"SyncChanges, a read", audit.SyncChanges}, {"SyncNone", audit.SyncNone}} {
		trail, err := audit.Open(filepath.Join(b.dir, fmt.Sprintf("trail-%d", sync.policy)), signer, audit.Sync(sync.policy))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, trail.Close()) }()
		run, err := calls(rbac.Audit(trail))
		if err != nil {
			return err
		}
		contenders = append(contenders, contender{name: sync.name, run: run})
	}
	times, err := race(max(b.rounds*2, 6), contenders)
	if err != nil {
		return err
	}
	for i, c := range contenders[1:] {
		out.add("a recorded call, "+c.name, micro((median(times[i+1])-median(times[0]))/auditCalls), "20 µs")
	}
	return nil
}

func (b *bench) verification(ctx context.Context, signer audit.Signer, verifier audit.Verifier, out *section) error {
	dir := filepath.Join(b.dir, "trail-verified")
	trail, err := audit.Open(dir, signer, audit.Sync(audit.SyncNone))
	if err != nil {
		return err
	}
	n := min(auditRecords, int(b.cryptoRows()))
	for i := range n {
		e := rbac.Event{
			Time: time.Unix(1_700_000_000+int64(i), 0), Identity: fmt.Sprintf("user:u%d", i%1000), Op: core.OpRead, Part: rbac.PartDecision,
			Feature: "video/raw", Columns: []string{"path", "size"}, Filter: "region = ?", Rows: -1, Decision: rbac.Allow, Reason: "p, role:analyst, video/**, read, allow",
		}
		if err := trail.Record(ctx, e); err != nil {
			return errors.Join(err, trail.Close())
		}
	}
	if err := trail.Close(); err != nil {
		return err
	}
	times, err := race(max(b.rounds, 5), []contender{{name: "verify", run: func() error {
		r, err := audit.Verify(ctx, dir, verifier)
		if err == nil && r.Events != int64(n) {
			err = fmt.Errorf("%d events", r.Events)
		}
		return err
	}}})
	if err != nil {
		return err
	}
	out.add(fmt.Sprintf("%s records verified", count(int64(n))), ms(median(times[0])), "1 s")
	return nil
}
