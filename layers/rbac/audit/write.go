package audit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/disk"
)

// begin makes an encoder that stands at the end of the trail. It needs mu.
func (l *Log) begin() *encoder { return &encoder{buf: l.buf[:0], at: l.at} }

// write appends what w holds in one call. It needs mu.
func (l *Log) write(w *encoder) error {
	l.buf = w.buf
	n, err := l.f.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = errShort
	}
	if err != nil {
		return l.fail(err)
	}
	l.at = w.at
	return nil
}

var errShort = errors.New("the file took a part of a line")

// fail gives the file up: what it holds from here on is unknown until reopen
// has looked. It needs mu.
func (l *Log) fail(err error) error {
	l.epoch++
	l.cause = err
	if l.f != nil {
		_ = l.f.Close() // it already failed
		l.f = nil
	}
	return err
}

// ready opens the file again after a failure. It needs mu.
func (l *Log) ready() error {
	if l.f != nil {
		return nil
	}
	return l.reopen()
}

// mark writes a checkpoint unless nothing came since the last one; a Close
// writes its own. It needs mu.
func (l *Log) mark(reason string) (Head, error) {
	if l.closed {
		return Head{}, errClosed
	}
	if err := l.ready(); err != nil {
		return Head{}, err
	}
	if l.at.unsigned == 0 && (reason != ReasonClose || l.at.closed) {
		return l.at.Head, nil
	}
	w := l.begin()
	if err := l.sign(w, reason); err != nil {
		return Head{}, err
	}
	if err := l.write(w); err != nil {
		return Head{}, err
	}
	return l.at.Head, nil
}

// sign adds a checkpoint to w, after a look at whether the file is still the
// one that was written: one that was removed or cut would take lines for ever.
func (l *Log) sign(w *encoder, reason string) error {
	info, err := os.Lstat(l.path(l.at.file))
	if err != nil {
		return l.fail(err)
	}
	if info.Size() != l.at.size {
		return l.fail(fmt.Errorf("%w: %s has %d bytes, %d were written", core.ErrIntegrity, info.Name(), info.Size(), l.at.size))
	}
	return w.checkpoint(l.signer, l.o.clock(), reason)
}

// rotate signs the end of the file and begins the next. It needs mu.
func (l *Log) rotate() (Head, error) {
	head, err := l.mark(ReasonRotate)
	if err != nil {
		return head, err
	}
	if l.o.sync != SyncNone {
		if err := l.f.Sync(); err != nil {
			return head, l.fail(err)
		}
		l.synced = l.at.Seq
	}
	l.safe = l.at
	old := l.f
	next := l.at
	next.file, next.size = next.file+1, 0
	if err := l.create(next); err != nil {
		l.f = nil
		_ = old.Close()
		return head, err
	}
	_ = old.Close() // signed and, unless nobody wants it, synced
	return head, nil
}

// create begins a file with its link. Of the place it needs the chain and the
// number. It needs mu.
func (l *Log) create(at place) error {
	f, err := l.o.open(l.path(at.file), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return l.fail(err)
	}
	l.f = f
	return l.first(at, Recovery{})
}

// first writes the link of an empty file, and the recovery when there is one.
func (l *Log) first(at place, r Recovery) error {
	if at.chain == "" {
		id, err := newChain()
		if err != nil {
			return l.fail(err)
		}
		at.chain = id
	}
	w := &encoder{buf: l.buf[:0], at: at}
	w.link(l.o.clock(), Link{Chain: at.chain, File: at.file})
	if r != (Recovery{}) {
		w.recovery(l.o.clock(), r)
	}
	return l.settle(w)
}

// settle writes what a file begins with or goes on with, and brings it and the
// directory to the disk.
func (l *Log) settle(w *encoder) error {
	if err := l.write(w); err != nil {
		return err
	}
	if l.o.sync != SyncNone {
		if err := errors.Join(l.f.Sync(), disk.SyncFolder(l.dir)); err != nil {
			return l.fail(err)
		}
		l.synced = l.at.Seq
	}
	l.safe = l.at
	return nil
}

func newChain() (string, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(id[:]), nil
}

// syncTo waits until the record is on the disk. Whoever comes first syncs for
// all who wrote before.
func (l *Log) syncTo(seq int64, epoch int) error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch != epoch {
		return l.cause
	}
	if l.synced >= seq {
		return nil
	}
	if l.f == nil {
		return errors.Join(errClosed, l.cause)
	}
	f, at := l.f, l.at
	l.mu.Unlock()
	err := f.Sync()
	l.mu.Lock()
	switch {
	case l.epoch != epoch:
		return l.cause
	case l.synced >= seq: // a new file was begun meanwhile
		return nil
	case err != nil:
		return l.fail(err)
	}
	l.synced, l.safe = at.Seq, at
	return nil
}

// timers run what is due when nobody calls.
type timers struct {
	wg          sync.WaitGroup
	flush, sign *time.Timer // nil while nothing waits
}

// arm sees to it that what was just written is synced and signed in time. It
// needs mu.
func (l *Log) arm() {
	if l.timers.flush == nil && (l.o.sync == SyncBatch || l.o.sync == SyncChanges) {
		l.timers.flush = l.after(l.o.window, l.flushDue)
	}
	if l.timers.sign == nil {
		l.timers.sign = l.after(l.o.interval, l.signDue)
	}
}

func (l *Log) after(d time.Duration, f func()) *time.Timer {
	l.timers.wg.Add(1)
	return time.AfterFunc(d, func() {
		defer l.timers.wg.Done()
		f()
	})
}

// stop needs mu. A function that already runs finds the trail closed.
func (t *timers) stop() {
	for _, timer := range []*time.Timer{t.flush, t.sign} {
		if timer != nil && timer.Stop() {
			t.wg.Done()
		}
	}
}

func (l *Log) flushDue() {
	l.mu.Lock()
	l.timers.flush = nil
	seq, epoch, idle := l.at.Seq, l.epoch, l.closed || l.f == nil
	l.mu.Unlock()
	if !idle {
		_ = l.syncTo(seq, epoch) // a failure meets the next Record
	}
}

func (l *Log) signDue() {
	l.mu.Lock()
	l.timers.sign = nil
	if l.closed || l.f == nil || l.at.unsigned == 0 {
		l.mu.Unlock()
		return
	}
	head, err := l.mark(ReasonTime)
	l.mu.Unlock()
	if err == nil {
		l.anchor(head)
	}
}
