// Package sqlpolicy keeps the rules of an access policy in a database, SQLite
// or PostgreSQL, where several processes read and change them.
//
//	rules, err := sqlpolicy.Open(ctx, "sqlite://policy.db")
//	policy, err := rbac.NewPolicy(rules)
//	access := rbac.New(policy)
//	...
//	err = rules.Close() // when nothing asks the policy any more
//
// A change is one transaction, whatever number of rules it has, and is made only
// to the rules that it was decided on: of two administrators who act at the same
// time neither undoes the other, nor do both together leave a policy that no one
// administers. A change made elsewhere, by any program, is seen with the next
// look ([rbac.Refresh]); PostgreSQL tells of it at once.
//
// A database that cannot be reached, and rules that are not valid, leave the
// policy before in force and are reported (rbac.OnProblem, Policy.Problem); a
// policy cannot be made from either. The tables are created when they are not
// there; those of a newer version of this package are core.ErrUnsupported and
// left alone. Rules are in the table metaxy_policy, in the columns that casbin's
// adapters use (ptype, v0 to v5).
package sqlpolicy

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/casbin/casbin/v2/persist"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// DefaultTimeout is how long one look or one change may take.
const DefaultTimeout = 5 * time.Second

// Adapter keeps rules in a database. It is safe for concurrent use.
type Adapter struct {
	h      *handle
	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	listen listener
}

var (
	_ persist.BatchAdapter = (*Adapter)(nil)
	_ rbac.Changer         = (*Adapter)(nil)
	_ rbac.Notifier        = (*Adapter)(nil)
)

// Option sets a choice of an Adapter. Options commute.
type Option func(*options)

type options struct {
	readOnly bool
	timeout  time.Duration
}

// ReadOnly neither creates tables nor changes rules; the right to read the
// tables is enough, for processes that must not be able to change who may do
// what. A change is core.ErrReadOnly.
func ReadOnly() Option { return func(o *options) { o.readOnly = true } }

// Timeout replaces DefaultTimeout.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Open opens the database of a URL:
//
//	sqlite://policy.db             a file, relative to the current folder
//	sqlite:///var/lib/policy.db    a file
//	postgres://user@host/database  with the parameters that libpq has
//
// The URL never stands in an error. One that is none is core.ErrInvalid, a
// database that cannot be reached core.ErrUnavailable. Ctx is for opening alone.
func Open(ctx context.Context, location string, opts ...Option) (*Adapter, error) {
	o := options{timeout: DefaultTimeout}
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	if o.timeout <= 0 {
		return nil, fmt.Errorf("%w: sqlpolicy: a timeout of %s", core.ErrInvalid, o.timeout)
	}
	scheme, where, _ := strings.Cut(location, "://")
	kind, ok := databaseOf(scheme)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: sqlpolicy: the URL begins neither with sqlite:// nor with postgres://", core.ErrInvalid)
	case kind == postgres:
		where = location
	case where == "" || strings.HasPrefix(where, ":memory:"):
		return nil, fmt.Errorf("%w: sqlpolicy: sqlite:// and no file", core.ErrInvalid)
	}
	if kind == sqlite { // the current folder may change
		var err error
		if where, err = filepath.Abs(where); err != nil {
			return nil, fmt.Errorf("%w: sqlpolicy: %w", core.ErrUnavailable, err)
		}
	}
	opening, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	h, err := openHandle(opening, kind, where, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	a := &Adapter{h: h}
	a.ctx, a.stop = context.WithCancel(context.Background())
	return a, nil
}

// Close ends what Open began. A policy that is still asked keeps its rules and
// reports core.ErrClosed. Close is idempotent.
func (a *Adapter) Close() error {
	a.stop()
	a.listen.wait()
	return a.h.close()
}
