package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Store keeps the trail as a feature of a metadata store: a root feature with
// the id columns "chain" and "seq". Each opened Store is a chain of its own;
// what came while a batch was being written is the next batch, which ends with a
// signed checkpoint.
//
// Give it a store below the access layer (the backend, or a stack without it):
// its own writes are not audited.
type Store struct {
	next    core.Store
	plan    *core.Plan
	signer  Signer
	clock   func() time.Time
	timeout time.Duration

	mu      sync.Mutex // what follows
	pending []*waiting
	closed  bool

	writeMu sync.Mutex // one batch at a time; what follows
	at      place
	refused int64
}

var _ rbac.Recorder = (*Store)(nil)

// waiting is an event on its way to the store.
type waiting struct {
	event rbac.Event
	done  bool // with err: needs writeMu
	err   error
}

// StoreOption sets a choice of [NewStore].
type StoreOption func(*Store)

// StoreClock replaces time.Now, for tests.
func StoreClock(now func() time.Time) StoreOption { return func(s *Store) { s.clock = now } }

// StoreTimeout bounds how long one batch may take; the default is 10 seconds.
func StoreTimeout(d time.Duration) StoreOption { return func(s *Store) { s.timeout = d } }

// mostBatch bounds the events of one write.
const mostBatch = 4096

// NewStore records in the feature key of next. Close ends the chain and does
// not close next.
func NewStore(next core.Store, key core.FeatureKey, signer Signer, opts ...StoreOption) (*Store, error) {
	if next == nil || signer == nil {
		return nil, fmt.Errorf("audit: %w: a trail needs a store and a signer", core.ErrInvalid)
	}
	graph, err := core.NewGraph(Feature(key))
	if err != nil {
		return nil, err
	}
	plan, err := graph.Plan(key)
	if err != nil {
		return nil, err
	}
	s := &Store{next: next, plan: plan, signer: signer, clock: time.Now, timeout: 10 * time.Second}
	for _, set := range opts {
		if set != nil {
			set(s)
		}
	}
	if s.clock == nil || s.timeout <= 0 {
		return nil, fmt.Errorf("audit: %w: a store needs a clock and a timeout above zero", core.ErrInvalid)
	}
	return s, nil
}

// Feature declares the feature that a Store writes.
func Feature(key core.FeatureKey) core.FeatureSpec {
	return core.NewFeature(string(key), core.ID("chain", "seq"), core.Container("record"), core.Describe("audit trail"))
}

// inside marks the context of a Store's own writes.
type inside struct{ s *Store }

// Record is rbac.Recorder's. It returns when the event is in a commit.
func (s *Store) Record(ctx context.Context, e rbac.Event) error {
	if ctx.Value(inside{s}) != nil {
		return fmt.Errorf("audit: %w: the store that keeps the trail is audited into the same trail", core.ErrInvalid)
	}
	if e.Time.IsZero() {
		e.Time = s.clock()
	}
	w := &waiting{event: e}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.pending = append(s.pending, w)
	s.mu.Unlock()

	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	for !w.done { // whoever comes first writes for all who came before
		s.flush(ctx, s.take(), "")
	}
	return unavailable(w.err)
}

func (s *Store) take() []*waiting {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.pending), mostBatch)
	batch := s.pending[:n:n]
	s.pending = s.pending[n:]
	return batch
}

// flush writes a batch as one commit. After a failure it is not known what the
// store holds, so the next batch begins a new chain. It needs writeMu.
func (s *Store) flush(ctx context.Context, batch []*waiting, reason string) {
	err := s.commit(ctx, batch, reason)
	if err != nil {
		s.at = place{}
		s.refused += int64(len(batch))
	}
	for _, w := range batch {
		w.done, w.err = true, err
	}
}

func (s *Store) commit(ctx context.Context, batch []*waiting, reason string) error {
	w := &encoder{at: s.at}
	if w.at.chain == "" {
		id, err := newChain()
		if err != nil {
			return err
		}
		w.link(s.clock(), Link{Chain: id})
		if s.refused > 0 {
			w.recovery(s.clock(), Recovery{Refused: s.refused})
		}
	}
	for _, e := range batch {
		w.event(e.event)
	}
	if reason == "" {
		reason = ReasonCount
	}
	if err := w.checkpoint(s.signer, s.clock(), reason); err != nil {
		return err
	}
	rows, err := tableOf(w.at.chain, w.buf)
	if err != nil {
		return err
	}
	defer rows.Release()
	// A caller who leaves does not take the others' events along.
	ctx, cancel := context.WithTimeout(context.WithValue(context.WithoutCancel(ctx), inside{s}, true), s.timeout)
	defer cancel()
	_, err = s.next.Write(ctx, core.WriteRequest{
		Plan: s.plan, ID: fmt.Sprintf("%s-%d", w.at.chain, w.at.Seq), Rows: core.RowsOf(rows.Schema(), rows),
	})
	if err != nil {
		return err
	}
	s.at, s.refused = w.at, 0
	return nil
}

// Head tells the last record of the chain, and which chain it is.
func (s *Store) Head() (chain string, h Head) {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	return s.at.chain, s.at.Head
}

// Close signs the end of the chain. It is idempotent; Record then reports
// core.ErrClosed.
func (s *Store) Close() error {
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	for batch := s.take(); len(batch) > 0; batch = s.take() {
		s.flush(context.Background(), batch, "")
	}
	if s.at.chain == "" {
		return nil // nothing was recorded
	}
	return unavailable(s.commit(context.Background(), nil, ReasonClose))
}
