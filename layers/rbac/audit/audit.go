// Package audit keeps the trail of a governed store: who asked for what, what
// was decided and how it ended, as lines that cannot be changed unnoticed.
//
//	trail, err := audit.Open("/var/log/metaxy", signer)
//	layer := rbac.New(policy, rbac.Audit(trail))
//
// A [Log] is a directory of JSON lines. Each line holds the SHA-256 of the line
// before it and its own; every so often, and at the end, a checkpoint is signed.
// [Verify] reads it back and names the first record that is not as it was
// written. [Search], [Tail] and [Follow] answer questions.
//
// Everything here is an rbac.Recorder: a Log, a [Zap] logger, a [Store] (a
// feature of a metadata store), [All] or [Any] of several, and [Async], which
// does not let reads wait. A recorder that could not keep an event says so, and
// the access layer then refuses the call.
package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Log is an audit trail in a directory. One process writes it at a time, which
// a lock ensures where the system has them.
//
// It fails closed: Record returns an error unless the line is as safe as the
// option [Sync] says. After a failure the next Record begins by looking at what
// the file really holds, and notes in the trail how many events it had refused.
type Log struct {
	dir    string
	signer Signer
	o      options
	unlock func()

	syncMu  sync.Mutex // one fsync at a time; taken before mu
	mu      sync.Mutex // what follows
	f       file       // nil after a failure
	at      place      // after the last line that was written
	safe    place      // after the last line that was seen to be whole: where to look again after a failure
	synced  int64      // the last record that is on the disk
	epoch   int        // counts failures: what was written before one may be gone
	cause   error      // of the last failure
	refused int64      // events that could not be written since then
	left    int        // of these, what a write may have left in the file: one at most
	buf     []byte
	timers  timers
	closed  bool
}

var _ rbac.Recorder = (*Log)(nil)

// place is a position in a trail, with what is needed to write on from it.
type place struct {
	Head
	file     int    // number of the file, from 1
	size     int64  // bytes before it in the file
	chain    string // id of the trail
	unsigned int    // records since the last checkpoint
	events   int    // of these, the events
	closed   bool   // the last record is the checkpoint of a Close
}

// Head is the last record of a trail: kept elsewhere, it proves later that
// nothing was cut off. See [Holds].
type Head struct {
	Seq  int64
	Hash Digest
}

// String gives the number and the hash with a colon between, as metaxy audit
// verify prints it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// ParseHead is the inverse of String.
func ParseHead(text string) (Head, error) {
	number, hash, _ := strings.Cut(text, ":")
	var h Head
	var err error
	if h.Seq, err = strconv.ParseInt(number, 10, 64); err == nil {
		err = h.Hash.UnmarshalText([]byte(hash))
	}
	if err != nil || h.Seq < 1 {
		return Head{}, fmt.Errorf("audit: %w: want the number of a record, a colon and its hash, as metaxy audit verify prints them", core.ErrInvalid)
	}
	return h, nil
}

// Open opens the trail in dir, which is made when it is not there, and writes
// on where it ended. A last line that a crash cut short is removed, and a record
// says so; anything else that is wrong with the last file is
// core.ErrIntegrity, and a directory that cannot be written core.ErrUnavailable.
//
// What stands behind the last checkpoint was written by nobody who can be told.
// Open goes on from it, says in a record how much it was, and refuses, with
// core.ErrIntegrity, what cannot be a crash: more events than [CheckpointEvery]
// leaves unsigned, or a checkpoint with a wrong signature. See [Accept].
func Open(dir string, signer Signer, opts ...Option) (*Log, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, fmt.Errorf("audit: %w: a trail needs a signer", core.ErrInvalid)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, unavailable(err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, unavailable(err)
	}
	l := &Log{dir: dir, signer: signer, o: o, unlock: unlock}
	if err := l.reopen(); err != nil {
		unlock()
		return nil, unavailable(err)
	}
	return l, nil
}

// Record appends the event. The context does not stop it: that a call was
// cancelled is worth recording too.
func (l *Log) Record(_ context.Context, e rbac.Event) error {
	l.mu.Lock()
	heads, err := l.add(e)
	seq, epoch := l.at.Seq, l.epoch
	l.mu.Unlock()
	l.anchor(heads...)
	if err == nil && l.o.sync.waits(e) {
		err = l.syncTo(seq, epoch)
	}
	return unavailable(err)
}

// add writes one event, and what is due with it: a new file before it, a
// checkpoint after it. It gives the checkpoints, and needs mu.
func (l *Log) add(e rbac.Event) (heads []Head, err error) {
	if l.closed {
		return nil, errClosed
	}
	defer func() {
		if err != nil {
			l.refused++
		}
	}()
	if err := l.ready(); err != nil {
		return nil, err
	}
	if l.at.size >= l.o.maxBytes {
		head, err := l.rotate()
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
	}
	if e.Time.IsZero() {
		e.Time = l.o.clock()
	}
	w := l.begin()
	if l.refused > 0 {
		w.recovery(l.o.clock(), Recovery{Refused: l.refused})
	}
	w.event(e)
	due := w.at.unsigned >= l.o.every
	if due {
		if err := l.sign(w, ReasonCount); err != nil {
			return heads, err
		}
	}
	if err := l.write(w); err != nil {
		l.left = 1
		return heads, err
	}
	l.refused = 0
	if due {
		heads = append(heads, l.at.Head)
	}
	l.arm()
	return heads, nil
}

// Head tells the last record.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at.Head
}

// Checkpoint signs what was recorded so far and makes it durable, whatever the
// options say.
func (l *Log) Checkpoint() error {
	l.mu.Lock()
	head, err := l.mark(ReasonAsked)
	epoch := l.epoch
	l.mu.Unlock()
	if err == nil {
		err = l.syncTo(head.Seq, epoch)
	}
	if err == nil {
		l.anchor(head)
	}
	return unavailable(err)
}

// Close signs the end of the trail, makes it durable and gives the directory
// free. It is idempotent; Record then reports core.ErrClosed.
func (l *Log) Close() error {
	l.syncMu.Lock()
	head, first, err := l.finish()
	l.syncMu.Unlock()
	if !first {
		return nil
	}
	l.timers.wg.Wait()
	l.unlock()
	if err == nil {
		l.anchor(head)
	}
	return unavailable(err)
}

// finish needs syncMu, so that nobody waits for a file that is gone.
func (l *Log) finish() (head Head, first bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return head, false, nil
	}
	head, err = l.mark(ReasonClose)
	l.closed = true
	l.timers.stop()
	if l.f == nil {
		return head, true, err
	}
	if err == nil && l.o.sync != SyncNone {
		err = l.f.Sync()
	}
	if err == nil {
		l.synced = l.at.Seq
	}
	err = errors.Join(err, l.f.Close())
	l.f = nil
	return head, true, err
}

func (l *Log) anchor(heads ...Head) {
	for _, h := range heads {
		if l.o.anchor != nil {
			l.o.anchor(h)
		}
	}
}

var errClosed = fmt.Errorf("audit: %w", core.ErrClosed)

// unavailable gives an error the sentinel under which a call is refused, unless
// it has one that says more.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	return fmt.Errorf("audit: %w: %w", core.ErrUnavailable, err)
}
