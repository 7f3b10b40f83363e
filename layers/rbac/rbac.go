package rbac

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

const name = "rbac"

// DefaultRefresh is how often a policy is looked at for changes.
const DefaultRefresh = time.Second

// RBAC is the handle of the layer: it makes the layer, changes permissions and
// tells who has them.
type RBAC struct {
	policy *Policy
	o      options
	looked atomic.Pointer[time.Time] // when the policy was last looked at
}

var _ core.Layer = (*RBAC)(nil)

// New makes the layer from a policy. Wrong options are reported by Wrap.
func New(policy *Policy, opts ...Option) *RBAC {
	r := &RBAC{policy: policy, o: options{refresh: DefaultRefresh, now: time.Now}}
	for _, set := range opts {
		if set != nil {
			set(&r.o)
		}
	}
	return r
}

// Option sets a choice of the layer. Options commute.
type Option func(*options)

type options struct {
	recorder   Recorder
	bestEffort bool
	maskKey    []byte
	refresh    time.Duration
	maxAge     time.Duration
	now        func() time.Time
	onProblem  func(error)
}

// Audit records every decision and every outcome.
func Audit(r Recorder) Option { return func(o *options) { o.recorder = r } }

// AuditBestEffort lets calls go on when the recorder fails. Without it they are
// refused with core.ErrUnavailable.
func AuditBestEffort() Option { return func(o *options) { o.bestEffort = true } }

// MaskKey is the key of ShowHash, of at least 16 bytes. Under one key equal
// values of a column have equal hashes, in every feature and process. Without a
// key ShowHash shows null.
func MaskKey(key []byte) Option {
	return func(o *options) { o.maskKey = append([]byte{}, key...) }
}

// Refresh sets how often the policy is looked at for changes, at most: with the
// next call that is made then. DefaultRefresh when not set; 0 or less means
// never, which leaves it to Policy.Refresh.
func Refresh(every time.Duration) Option { return func(o *options) { o.refresh = every } }

// MaxPolicyAge refuses every call with core.ErrUnavailable once the rules in
// force have not been seen to be those of the source for so long: because it
// cannot be reached, because what it holds is not valid, or because nobody looks.
// Without it, and for 0, the last rules hold for ever. It is at least as long as
// Refresh, and measured by a clock that does not step, whatever Clock says.
func MaxPolicyAge(d time.Duration) Option { return func(o *options) { o.maxAge = d } }

// Clock replaces time.Now.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// OnProblem is told when a changed policy could not be read or is not valid;
// the rules before stay in force, for how long [MaxPolicyAge] says.
func OnProblem(f func(error)) Option { return func(o *options) { o.onProblem = f } }

func (o options) check() error {
	switch {
	case o.now == nil:
		return invalidf("rbac: the clock is nil")
	case o.maskKey != nil && len(o.maskKey) < 16:
		return invalidf("rbac: a mask key of %d bytes, want 16 or more", len(o.maskKey))
	case o.maxAge < 0 || o.maxAge > 0 && o.maxAge < o.refresh:
		return invalidf("rbac: a policy may be %s old and is looked at every %s", o.maxAge, o.refresh)
	}
	return nil
}

// Info describes the layer.
func (r *RBAC) Info() core.LayerInfo {
	info := core.LayerInfo{Name: name, Phase: core.PhaseAccess}
	switch {
	case r.o.recorder == nil:
		info.Summary = "no audit"
	case r.o.bestEffort:
		info.Summary = "audit, best effort"
	default:
		info.Summary = "audit"
	}
	if r.policy != nil {
		info.Summary = fmt.Sprintf("%d rules, %s", len(r.policy.now.Load().rules), info.Summary)
	}
	return info
}

// Wrap makes the store. A missing policy and wrong options match
// core.ErrInvalid.
func (r *RBAC) Wrap(next core.Store) (core.Store, error) {
	switch {
	case next == nil:
		return nil, invalidf("rbac: there is no store to wrap")
	case r.policy == nil:
		return nil, invalidf("rbac: there is no policy")
	}
	if err := r.o.check(); err != nil {
		return nil, err
	}
	below := next.Capabilities()
	return &store{next: next, rbac: r, caps: core.Capabilities{
		NativeResolve: below.NativeResolve,
		PushFilters:   below.PushFilters,
		PushColumns:   below.PushColumns,
		TimeTravel:    below.TimeTravel,
		Durable:       below.Durable,
		Evolve:        below.Evolve,
	}}, nil
}

// Policy is the policy that the layer answers from.
func (r *RBAC) Policy() *Policy { return r.policy }

// index gives the rules to decide by. One caller at a time looks whether they
// have changed; the others go on with those that they have, unless these are
// too old.
func (r *RBAC) index() (*index, error) {
	if r.o.refresh > 0 && r.due() {
		r.tell(r.policy.look())
	}
	if r.o.maxAge > 0 && r.policy.age() > r.o.maxAge {
		// After an hour without a call several come at once, and one of them reads.
		r.tell(r.policy.catchUp(r.o.maxAge, r.o.refresh))
		if age := r.policy.age(); age > r.o.maxAge {
			return nil, fmt.Errorf("%w: the policy could not be read for %s", core.ErrUnavailable, age.Round(time.Second))
		}
	}
	return r.policy.now.Load(), nil
}

func (r *RBAC) tell(err error) {
	if err != nil && r.o.onProblem != nil {
		r.o.onProblem(err)
	}
}

// due is true for the caller whose turn it is to look. A clock that was set back
// does not put the next look off.
func (r *RBAC) due() bool {
	now, last := r.o.now(), r.looked.Load()
	if last != nil && now.Sub(*last).Abs() < r.o.refresh {
		return false
	}
	at := now // now itself stays off the heap
	return r.looked.CompareAndSwap(last, &at)
}
