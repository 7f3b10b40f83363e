package audit

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

func TestTrailVerifies(t *testing.T) {
	dir := t.TempDir()
	small(t, dir)
	r := verified(t, dir)
	if r.Files < 3 || r.Events != 9 || r.Unsigned != 0 || !r.Closed || len(r.Recoveries) != 0 {
		t.Errorf("%+v", r)
	}
	if r.Records != r.Events+int64(r.Files)+r.Checkpoints || r.Head.Seq != r.Records {
		t.Errorf("%+v", r)
	}
}

// A trail goes on where it ended; after a clean end nothing is to be told.
func TestGoesOn(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		l := open(t, dir, MaxBytes(3000))
		record(t, l, i*4, i*4+4)
		closed(t, l)
		closed(t, l)
		if err := l.Record(t.Context(), event(0)); !errors.Is(err, core.ErrClosed) {
			t.Fatal(err)
		}
	}
	if r := verified(t, dir); r.Events != 12 || len(r.Recoveries) != 0 || r.Files < 2 {
		t.Errorf("%+v", r)
	}
}

func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	s, _ := keys(t)
	if _, err := Open(dir, s); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
	closed(t, l)
	closed(t, open(t, dir))
}

func TestOpenRefuses(t *testing.T) {
	s, _ := keys(t)
	dir := t.TempDir()
	put(t, dir, "plain", nil)
	for name, c := range map[string]struct {
		dir    string
		signer Signer
		opts   []Option
		want   error
	}{
		"no signer":    {dir, nil, nil, core.ErrInvalid},
		"no window":    {dir, s, []Option{Window(0)}, core.ErrInvalid},
		"no policy":    {dir, s, []Option{Sync(9)}, core.ErrInvalid},
		"no directory": {filepath.Join(dir, "plain", "x"), s, nil, core.ErrUnavailable},
	} {
		if _, err := Open(c.dir, c.signer, c.opts...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A name that leads elsewhere is not followed.
func TestNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/zero", filepath.Join(dir, fileName(1))); err != nil {
		t.Fatal(err)
	}
	s, v := keys(t)
	if _, err := Open(dir, s); !errors.Is(err, core.ErrIntegrity) {
		t.Error(err)
	}
	if _, err := Verify(t.Context(), dir, v); !errors.Is(err, core.ErrIntegrity) {
		t.Error(err)
	}
}

func TestConcurrent(t *testing.T) {
	for name, policy := range map[string]SyncPolicy{"each": SyncEach, "batch": SyncBatch, "changes": SyncChanges, "none": SyncNone} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var mu sync.Mutex
			heads := []Head{}
			l := open(t, dir, Sync(policy), Window(time.Millisecond), MaxBytes(20_000), CheckpointEvery(50, time.Millisecond),
				Anchor(func(h Head) { mu.Lock(); heads = append(heads, h); mu.Unlock() }))
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { record(t, l, 0, 50) })
			}
			wg.Wait()
			if err := l.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			closed(t, l)
			var opts []VerifyOption
			for _, h := range heads {
				opts = append(opts, Holds(h))
			}
			if r := verified(t, dir, opts...); r.Events != 400 || len(r.Recoveries) != 0 || int64(len(heads)) < r.Checkpoints {
				t.Errorf("%+v, %d heads", r, len(heads))
			}
		})
	}
}

// What waits for the disk and for a signature gets both when nobody calls.
func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		faults := &faults{}
		l := open(t, dir, Window(time.Second), CheckpointEvery(1000, time.Minute), faults.option())
		before := faults.syncs()
		record(t, l, 0, 3)
		if faults.syncs() != before {
			t.Error("a batch did not wait for its window")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if faults.syncs() != before+1 {
			t.Errorf("%d syncs after the window", faults.syncs()-before)
		}
		if r := verified(t, dir, Live()); r.Checkpoints != 0 || r.Unsigned != 4 {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r := verified(t, dir, Live()); r.Checkpoints != 1 || r.Unsigned != 0 {
			t.Errorf("%+v", r)
		}
		closed(t, l)
	})
}

// Callers who wait at the same time share one fsync.
func TestGroupCommit(t *testing.T) {
	faults := &faults{}
	l := open(t, t.TempDir(), Sync(SyncEach), faults.option())
	before := faults.syncs()
	faults.hold = func() { // the first one takes until all have written
		for l.Head().Seq < 65 {
			runtime.Gosched()
		}
	}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() { record(t, l, i, i+1) })
	}
	wg.Wait()
	faults.hold = nil
	if n := faults.syncs() - before; n > 2 {
		t.Errorf("%d fsyncs for 64 records", n)
	}
}

func TestSyncChanges(t *testing.T) {
	faults := &faults{}
	l := open(t, t.TempDir(), Sync(SyncChanges), Window(time.Hour), faults.option())
	for i := range 8 {
		before := faults.syncs()
		record(t, l, i, i+1)
		if waited := faults.syncs() > before; waited == harmless(event(i)) {
			t.Errorf("event %d: waited %t", i, waited)
		}
	}
}
