package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// Call is one call that a tap saw. The request of its operation is set, the
// others are zero.
type Call struct {
	Op  core.Op
	Key core.FeatureKey

	Write   core.WriteRequest // without Rows
	Read    core.ReadRequest
	Resolve core.ResolveRequest // without Samples
	List    core.ListRequest
	Stat    core.StatRequest
	Evolve  core.EvolveRequest

	// Rows are the rows that passed, down for Write and up for Read and
	// Resolve, as Lines prints them. Only with TapRows.
	Rows []string
	// Err is what the store below answered, or what its stream ended with.
	Err error
}

// String is the call in one line, without values.
func (c Call) String() string {
	s := c.Op.String()
	if c.Key != "" {
		s += " " + string(c.Key)
	}
	if c.Err != nil {
		s += ": " + c.Err.Error()
	}
	return s
}

// TapLayer records the calls that reach the store below.
type TapLayer struct {
	mu    sync.Mutex
	phase core.Phase
	rows  bool
	calls []*Call
	asked int // calls that the test has asked about
}

// TapOption sets a choice of Tap.
type TapOption func(*TapLayer)

// TapRows records the rows that pass, as text.
func TapRows() TapOption { return func(t *TapLayer) { t.rows = true } }

// TapAt puts the tap in another phase than the probe's.
func TapAt(p core.Phase) TapOption { return func(t *TapLayer) { t.phase = p } }

// Tap makes a layer that records.
func Tap(opts ...TapOption) *TapLayer {
	t := &TapLayer{phase: core.PhaseProbe}
	for _, o := range opts {
		o(t)
	}
	return t
}

// Info describes the layer.
func (t *TapLayer) Info() core.LayerInfo { return core.LayerInfo{Name: "tap", Phase: t.phase} }

// Wrap puts the tap over next.
func (t *TapLayer) Wrap(next core.Store) (core.Store, error) {
	if next == nil {
		return nil, fmt.Errorf("%w: tap: no store to wrap", core.ErrInvalid)
	}
	return &tapStore{layer: t, next: next}, nil
}

// Calls lists the calls of an operation; 0 means all. Calls that were listed
// count as expected.
func (t *TapLayer) Calls(op core.Op) []Call {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Call
	for _, c := range t.calls {
		if op == 0 || c.Op == op {
			out = append(out, c.copy())
		}
	}
	t.asked = len(t.calls)
	return out
}

func (c *Call) copy() Call {
	d := *c
	d.Rows = slices.Clone(c.Rows)
	return d
}

// Reset forgets all calls.
func (t *TapLayer) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls, t.asked = nil, 0
}

// ExpectCalls fails the test unless these operations were called, in this
// order and no others, since the last Reset.
func (t *TapLayer) ExpectCalls(tb testing.TB, want ...core.Op) {
	tb.Helper()
	var got []core.Op
	for _, c := range t.Calls(0) {
		got = append(got, c.Op)
	}
	if !slices.Equal(got, want) {
		tb.Errorf("the store below was called %v, want %v", got, want)
	}
}

// ExpectNoMoreCalls fails the test when calls came since Calls, ExpectCalls or
// Reset.
func (t *TapLayer) ExpectNoMoreCalls(tb testing.TB) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.calls[t.asked:] {
		tb.Errorf("unexpected call below: %s", c)
	}
	t.asked = len(t.calls)
}

// Contains lists the calls in which a text appears: in rows, filters, keys,
// ids of writes, or errors. Rows are searched only with TapRows.
func (t *TapLayer) Contains(text string) []Call {
	var out []Call
	for _, c := range t.Calls(0) {
		var said []string
		for _, f := range []fmt.Stringer{c.Read.Filter, c.Resolve.Filter} {
			if f != nil {
				said = append(said, f.String())
			}
		}
		said = append(said, c.Write.ID, string(c.Key), c.List.Prefix, errorText(c.Err))
		said = append(said, c.Rows...)
		if slices.ContainsFunc(said, func(s string) bool { return containsValue(s, text) }) {
			out = append(out, c)
		}
	}
	return out
}

func errorText(err error) string {
	var joined []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		joined = append(joined, e.Error())
	}
	return strings.Join(joined, "\n")
}

// containsValue looks for a text as it is and as the hex of binary columns.
func containsValue(s, text string) bool {
	return strings.Contains(s, text) || strings.Contains(s, fmt.Sprintf("%x", text))
}
