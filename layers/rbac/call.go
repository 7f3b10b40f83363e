package rbac

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/internal/around"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// call is what a caller asks for, as far as the audit trail tells it.
type call struct {
	op      core.Op
	key     core.FeatureKey
	columns []string
	filter  expr.Expr
}

// calling is one call in progress: who asks, by which state of the policy.
type calling struct {
	call
	ctx   context.Context
	s     *store
	id    identity.Identity
	index *index
	start time.Time
	rule  string // that allowed it
}

// begin is what every method begins with. A call without an identity is
// recorded and refused before anything about it is looked at.
func (s *store) begin(ctx context.Context, what call, check func() error) (*calling, error) {
	if s.closed.Load() {
		return nil, core.WrapError(what.op, what.key, name, core.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return nil, core.WrapError(what.op, what.key, name, err)
	}
	c := &calling{call: what, ctx: ctx, s: s}
	if s.rbac.o.recorder != nil {
		c.start = s.rbac.o.now()
	}
	id, ok := identity.From(ctx)
	if ok && !id.Expires.IsZero() && !s.rbac.o.now().Before(id.Expires) {
		c.id = id
		return nil, c.decide(fmt.Errorf("%w: the identity has expired", core.ErrUnauthenticated))
	}
	if !ok {
		return nil, c.decide(fmt.Errorf("%w: the context has no identity", core.ErrUnauthenticated))
	}
	c.id = id
	var err error
	if c.index, err = s.rbac.index(); err != nil {
		return nil, c.decide(err)
	}
	if check != nil {
		if err := check(); err != nil {
			return nil, core.WrapError(what.op, what.key, name, err)
		}
	}
	return c, nil
}

func (c *calling) access(key core.FeatureKey) access { return c.index.access(c.id, key) }

func denied(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{core.ErrDenied}, args...)...)
}

// allowed decides about the call's own operation.
func (c *calling) allowed(a *access, key core.FeatureKey) error { return c.may(a, key, c.op) }

func (c *calling) may(a *access, key core.FeatureKey, op core.Op) error {
	if a.may(actionOf(op)) {
		return nil
	}
	return denied("%s may not %s %s", c.id.Name, op, key)
}

// columnsShown: what is asked for must not be hidden.
func (c *calling) columnsShown(a *access, key core.FeatureKey, columns []string) error {
	for _, col := range columns {
		if a.show(col) == ShowHide {
			return denied("%s may not see column %q of %s", c.id.Name, clip(col), key)
		}
	}
	return nil
}

// columnsRead: what a filter, a join or a migration uses must be readable as it
// is, since each answer would tell a bit of it.
func (c *calling) columnsRead(a *access, key core.FeatureKey, columns []string) error {
	for _, col := range columns {
		if a.show(col) != ShowRead {
			return denied("%s may not use column %q of %s", c.id.Name, clip(col), key)
		}
	}
	return nil
}

// mayList: there must be something that the caller may list.
func (c *calling) mayList() error {
	if c.index.mayAnywhere(c.id, actionOf(core.OpList)) {
		return nil
	}
	return denied("%s may not list", c.id.Name)
}

// decide records the decision and gives its error.
func (c *calling) decide(err error) error {
	if rec := c.s.rbac.o.recorder; rec != nil {
		e := c.event(PartDecision)
		e.Decision, e.Rows = Allow, -1
		if err != nil {
			e.Decision, e.Reason = Deny, clip(err.Error())
		} else {
			e.Reason = c.index.reason(c.id, c.key, actionOf(c.op))
			c.rule = e.Reason
		}
		failed := c.record(e)
		if err == nil {
			err = failed
		}
	}
	return core.WrapError(c.op, c.key, name, err)
}

// ended records how an allowed call ended and gives its error.
func (c *calling) ended(rows int64, err error) error {
	if c.s.rbac.o.recorder != nil {
		e := c.event(PartOutcome)
		e.Decision, e.Reason, e.Rows, e.Outcome = Allow, c.rule, rows, around.ClassOf(err).String()
		if failed := c.record(e); err == nil {
			err = failed
		}
	}
	return core.WrapError(c.op, c.key, name, err)
}

func (c *calling) event(part string) Event {
	now := c.s.rbac.o.now()
	columns := c.columns
	if slices.ContainsFunc(columns, func(name string) bool { return printable(name) != name }) {
		columns = slices.Clone(columns)
		for i, name := range columns {
			columns[i] = printable(name)
		}
	}
	return Event{
		Time: now, Identity: c.id.Name, Op: c.op, Part: part, Feature: core.FeatureKey(printable(string(c.key))), Columns: columns,
		Filter: expr.Shape(c.filter), Duration: now.Sub(c.start),
	}
}

// record refuses when the trail cannot be kept. A caller who stopped waiting
// does not stop the record.
func (c *calling) record(e Event) error {
	err := c.s.rbac.o.recorder.Record(context.WithoutCancel(c.ctx), e)
	if err == nil || c.s.rbac.o.bestEffort {
		return nil
	}
	// What a recorder says may match other sentinels: this is always one thing.
	return fmt.Errorf("%w: the audit trail cannot be kept: %s", core.ErrUnavailable, clip(err.Error()))
}

// ending is the end of a loop over an answer.
type ending struct {
	c       *calling
	rows    int64
	err     error
	stopped bool // the consumer left early
	done    bool
}

func (e *ending) record() error {
	if e.done || e.c.s.rbac.o.recorder == nil {
		return nil
	}
	e.done = true
	ev := e.c.event(PartOutcome)
	ev.Decision, ev.Reason, ev.Rows = Allow, e.c.rule, e.rows
	ev.Outcome = around.ClassOf(e.err).String()
	if e.stopped {
		ev.Outcome = "stopped"
	}
	return core.WrapError(e.c.op, e.c.key, name, e.c.record(ev))
}

// observed records the end of each loop over rows. Without a recorder the rows
// are handed on as they are.
func (c *calling) observed(rows core.Rows) core.Rows {
	if c.s.rbac.o.recorder == nil {
		return rows
	}
	whole := rows
	rows.Batches = func(yield func(arrow.RecordBatch, error) bool) {
		end := ending{c: c, stopped: true}
		defer func() { _ = end.record() }()
		for b, err := range whole.All() {
			if err != nil {
				end.err, end.stopped = err, false
				yield(nil, err)
				return
			}
			end.rows += b.NumRows()
			if !yield(b, nil) {
				return
			}
		}
		end.stopped = false
		if err := end.record(); err != nil {
			yield(nil, err)
		}
	}
	return rows
}

// Class is what Event.Outcome says of an error: "ok" for nil, the name of the
// sentinel that it matches such as "not_found" or "denied", "canceled",
// "timeout", or "other".
func Class(err error) string { return around.ClassOf(err).String() }

// printable keeps a hostile name out of the trail.
func printable(s string) string {
	if checkText("name", s) != nil {
		return ""
	}
	return clip(s)
}
