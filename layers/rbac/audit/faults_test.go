package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// faults opens files that fail when they are told to.
type faults struct {
	mu     sync.Mutex
	synced int
	full   bool  // writes go to a device that is always full
	short  int   // bytes that the next write takes before it fails, 0 for none
	sync   error // of the next Sync
	open   error
	hold   func() // what a Sync waits for
}

func (f *faults) option() Option {
	return func(o *options) {
		o.open = func(path string, flag int) (file, error) {
			if f.open != nil {
				return nil, f.open
			}
			under, err := os.OpenFile(path, flag, 0o600)
			return &faulty{under, f}, err
		}
	}
}

func (f *faults) syncs() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.synced
}

type faulty struct {
	*os.File
	faults *faults
}

func (f *faulty) Write(b []byte) (int, error) {
	if f.faults.full {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			return 0, err
		}
		defer full.Close()
		return full.Write(b)
	}
	if n := f.faults.short; n > 0 && n < len(b) {
		f.faults.short = 0
		n, _ = f.File.Write(b[:n])
		return n, syscall.ENOSPC
	}
	return f.File.Write(b)
}

func (f *faulty) Sync() error {
	f.faults.mu.Lock()
	f.faults.synced++
	err := f.faults.sync
	f.faults.sync = nil
	f.faults.mu.Unlock()
	if f.faults.hold != nil {
		f.faults.hold()
	}
	return err
}

func refused(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Record(t.Context(), event(0)); !errors.Is(err, core.ErrUnavailable) {
		t.Fatalf("recorded: %v", err)
	}
}

// While the disk is full every event is refused; then the trail goes on and
// tells how many there were.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir, faults := t.TempDir(), &faults{}
	l := open(t, dir, faults.option())
	record(t, l, 0, 2)
	faults.full = true
	for range 5 {
		refused(t, l)
	}
	faults.full = false
	record(t, l, 2, 4)
	closed(t, l)
	r := verified(t, dir)
	if len(r.Recoveries) != 1 || r.Events != 4 || r.Recoveries[0].Recovery.Refused != 5 || r.Recoveries[0].Recovery.Lost != 0 {
		t.Errorf("%+v", r)
	}
}

// Wherever a write stops, the part of the line is removed and told.
func TestShortWrite(t *testing.T) {
	for n := 1; n < 600; n += 7 {
		dir, faults := t.TempDir(), &faults{}
		l := open(t, dir, faults.option(), CheckpointEvery(3, time.Hour), Sync(SyncNone))
		record(t, l, 0, 1)
		faults.short = n
		err := l.Record(t.Context(), event(1)) // with its checkpoint, so two lines
		if faults.short == 0 && !errors.Is(err, core.ErrUnavailable) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		record(t, l, 2, 4)
		closed(t, l)
		if r := verified(t, dir); faults.short == 0 && (len(r.Recoveries) != 1 || r.Recoveries[0].Recovery.Refused != 1) {
			t.Errorf("%d bytes: %+v", n, r)
		}
	}
}

func TestSyncFails(t *testing.T) {
	for name, policy := range map[string]SyncPolicy{"each": SyncEach, "changes": SyncChanges} {
		t.Run(name, func(t *testing.T) {
			dir, faults := t.TempDir(), &faults{}
			l := open(t, dir, faults.option(), Sync(policy), Window(time.Hour))
			record(t, l, 0, 2)
			faults.sync = syscall.EIO
			if err := l.Record(t.Context(), event(1)); !errors.Is(err, core.ErrUnavailable) || !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			record(t, l, 2, 4)
			closed(t, l)
			if r := verified(t, dir); len(r.Recoveries) != 1 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// The directory cannot be written any more when a new file is due.
func TestRotationFails(t *testing.T) {
	dir, faults := t.TempDir(), &faults{}
	l := open(t, dir, faults.option(), MaxBytes(1000))
	record(t, l, 0, 2)
	faults.open = syscall.EACCES
	for range 3 {
		refused(t, l)
	}
	faults.open = nil
	record(t, l, 2, 4)
	closed(t, l)
	if r := verified(t, dir); len(r.Recoveries) != 1 || r.Recoveries[0].Recovery.Refused != 3 || r.Files < 2 {
		t.Errorf("%+v", r)
	}
}

type failingSigner struct{ err error }

func (s *failingSigner) Sign([]byte) ([]byte, error) { return nil, s.err }

func TestSignerFails(t *testing.T) {
	l, err := Open(t.TempDir(), &failingSigner{syscall.EAGAIN}, CheckpointEvery(2, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, l)
	refused(t, l)
	if err := l.Close(); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
}

// Files that were removed or cut below a running Log are noticed at the next
// checkpoint, and nothing is recorded any more.
func TestFilesGone(t *testing.T) {
	for name, harm := range map[string]func(string) error{
		"removed": os.Remove,
		"cut":     func(p string) error { return os.Truncate(p, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, CheckpointEvery(4, time.Hour))
			record(t, l, 0, 2)
			if err := harm(filepath.Join(dir, fileName(1))); err != nil {
				t.Fatal(err)
			}
			if err := l.Checkpoint(); err == nil {
				t.Fatal("signed a trail that is gone")
			}
			if err := l.Record(t.Context(), event(1)); err == nil {
				if r := verified(t, dir, Live()); len(r.Recoveries) == 0 {
					t.Fatalf("%+v", r)
				}
			}
		})
	}
}

// Wherever a crash cuts the last file, the next Open keeps every whole line,
// removes the rest, and says so; what it keeps is not rewritten.
func TestCrashAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, MaxBytes(1800), CheckpointEvery(4, time.Hour), Clock(ticking()))
	record(t, l, 0, 6)
	whole := bytesOf(t, dir)
	closed(t, l)
	last := fileName(len(whole))
	end := bytes.LastIndexByte(whole[last][:len(whole[last])-1], '\n')
	for n := range len(whole[last]) {
		if n < end && n%11 > 0 && whole[last][n] != '\n' && (n == 0 || whole[last][n-1] != '\n') {
			continue // all of the last line, and where others end and begin
		}
		cut := t.TempDir()
		for name, b := range whole {
			put(t, cut, name, b)
		}
		put(t, cut, last, whole[last][:n])
		l := open(t, cut, Clock(ticking()), Sync(SyncNone))
		record(t, l, 6, 7)
		closed(t, l)
		r := verified(t, cut)
		kept := whole[last][:bytes.LastIndexByte(whole[last][:n], '\n')+1]
		if len(r.Recoveries) != 1 && n > 0 || !bytes.HasPrefix(bytesOf(t, cut)[last], kept) {
			t.Fatalf("cut at %d: %+v", n, r)
		}
		if n > 0 && r.Recoveries[0].Recovery.Cut != int64(n-len(kept)) {
			t.Fatalf("cut at %d: %+v", n, r.Recoveries[0].Recovery)
		}
		if err := os.RemoveAll(cut); err != nil {
			t.Fatal(err)
		}
	}
}

// Blocks that never reached the disk read as zeros.
func TestZeroTail(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	record(t, l, 0, 2)
	b := bytesOf(t, dir)[fileName(1)]
	closed(t, l)
	put(t, dir, fileName(1), append(b, make([]byte, 5000)...))
	closed(t, open(t, dir))
	if r := verified(t, dir); len(r.Recoveries) != 1 || r.Recoveries[0].Recovery.Cut != 5000 {
		t.Errorf("%+v", r)
	}
}

// A trail that was changed is not written on.
func TestOpenRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	whole := small(t, dir)
	last := fileName(len(whole))
	s, _ := keys(t)
	for i := 0; i < len(whole[last])-1; i += 3 { // without its end the last line is a cut one
		b := bytes.Clone(whole[last])
		b[i] ^= 1
		put(t, dir, last, b)
		l, err := Open(dir, s, Sync(SyncNone))
		if err == nil {
			_ = l.Close()
			// Only a line feed that became something else may look like a crash.
			if r := verified(t, dir); len(r.Recoveries) == 0 {
				t.Fatalf("byte %d: opened in silence", i)
			}
			continue
		}
		if !errors.Is(err, core.ErrIntegrity) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
}
