package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
)

const (
	stackRows  = 1_000_000
	stackReads = 10     // reads in one timing
	stackCalls = 20_000 // small calls in one timing
)

// stacks are a bare memory store and the same store below logging and a
// fallback that is never asked: once with reads below the logger's level, as by
// default, and once with a line for each, written to nowhere.
type stacks struct {
	bare, stacked, logged core.Store
	fallback              core.Store
	shape                 shape
}

func newStacks(ctx context.Context, n int64) (*stacks, error) {
	all, err := shapes()
	if err != nil {
		return nil, err
	}
	s := &stacks{bare: memory.New(), fallback: memory.New(), shape: all[0]}
	if err := writeRoot(ctx, s.bare, s.shape, s.shape.roots[0], n, 1, 1); err != nil {
		return nil, errors.Join(err, s.bare.Close())
	}
	if s.stacked, err = s.wrap(zapcore.InfoLevel); err != nil {
		return nil, errors.Join(err, s.bare.Close())
	}
	if s.logged, err = s.wrap(zapcore.DebugLevel); err != nil {
		return nil, errors.Join(err, s.bare.Close())
	}
	return s, nil
}

func (s *stacks) wrap(level zapcore.Level) (core.Store, error) {
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), level))
	return compose.New(s.bare, compose.KeepBaseOpen(), compose.With(logging.New(logger), fallback.New(s.fallback)))
}

// named is a store as tables and benchmarks call it.
type named struct {
	name  string
	store core.Store
}

// each lists the stores, the bare one first.
func (s *stacks) each() []named {
	return []named{{"bare", s.bare}, {"stacked", s.stacked}, {"stacked, a line each", s.logged}}
}

func (s *stacks) close() error {
	return errors.Join(s.stacked.Close(), s.logged.Close(), s.fallback.Close(), s.bare.Close())
}

// read looks at every value of the root. A memory store hands its arrays out
// as they are, so a read that looked at none would time no more than a call.
func (s *stacks) read(ctx context.Context, store core.Store, want int64) error {
	rows, err := store.Read(ctx, core.ReadRequest{Key: s.shape.roots[0]})
	if err != nil {
		return err
	}
	var n, sum int64
	for b, err := range rows.All() {
		if err != nil {
			return err
		}
		for _, id := range b.Column(0).(*array.Int64).Int64Values() {
			sum += id
		}
		for i := range b.NumRows() {
			sum += int64(len(b.Column(1).(*array.String).Value(int(i))))
		}
		n += b.NumRows()
	}
	if n != want || sum < want {
		return fmt.Errorf("%d rows, want %d", n, want)
	}
	return nil
}

// call is one small operation, the cheapest that there is.
func (s *stacks) call(ctx context.Context, store core.Store) error {
	_, err := store.Stat(ctx, core.StatRequest{Key: s.shape.roots[0]})
	return err
}

// stackTable tells what wrapping costs.
func (b *bench) stackTable(ctx context.Context) (out *section, err error) {
	s, err := newStacks(ctx, stackRows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	out = &section{
		name: "stack", title: "Logging and fallback over memory against bare memory",
		head: []string{"store", "read of " + count(stackRows) + " rows", "ratio", "one call (Stat)", "more than bare"},
	}
	rounds := max(b.rounds*3, 9)
	reads, err := s.race(rounds, stackReads, func(store core.Store) error { return s.read(ctx, store, stackRows) })
	if err != nil {
		return nil, err
	}
	calls, err := s.race(rounds, stackCalls, func(store core.Store) error { return s.call(ctx, store) })
	if err != nil {
		return nil, err
	}
	for i, e := range s.each() {
		read, call := median(reads[i])/stackReads, median(calls[i])/stackCalls
		out.add(e.name, ms(read), fmt.Sprintf("%.3f", ratio(reads[i], reads[0])), micro(call), micro(call-median(calls[0])/stackCalls))
	}
	out.note("The default logs no reads at the level info; \"a line each\" writes JSON to nowhere for every call. Wanted: a ratio of at most 1.01, at most 3 µs a call.")
	return out, nil
}

// race times n calls of f over each of the stores.
func (s *stacks) race(rounds, n int, f func(core.Store) error) ([][]time.Duration, error) {
	var cs []contender
	for _, e := range s.each() {
		cs = append(cs, contender{name: e.name, run: func() error {
			for range n {
				if err := f(e.store); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	return race(rounds, cs)
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%.2f µs", float64(d)/float64(time.Microsecond))
}
