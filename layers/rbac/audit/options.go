package audit

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Option sets a choice of [Open]. Options commute.
type Option func(*options)

// SyncPolicy says how safe a line is when Record returns.
type SyncPolicy uint8

// The policies. Whatever the policy, a line has left the process when Record
// returns, so that a crash of the process loses nothing.
const (
	// SyncBatch brings lines to the disk together, at the latest after the
	// window of [Window]: a power failure loses what came since.
	SyncBatch SyncPolicy = iota
	// SyncEach waits until the line is on the disk. Callers who wait at the
	// same time share one fsync.
	SyncEach
	// SyncChanges waits like SyncEach for writes, evolutions, denials and
	// changes of the policy, and not for what only reads.
	SyncChanges
	// SyncNone leaves the disk to the operating system.
	SyncNone
)

func (p SyncPolicy) waits(e rbac.Event) bool {
	return p == SyncEach || p == SyncChanges && !harmless(e)
}

// harmless reports whether the event is about a permitted read.
func harmless(e rbac.Event) bool {
	return e.Decision == rbac.Allow && e.Op != 0 && !e.Op.Mutates()
}

// Sync sets the policy; the default is SyncBatch.
func Sync(p SyncPolicy) Option { return func(o *options) { o.sync = p } }

// Window sets how long a line may wait for the disk under SyncBatch and
// SyncChanges; the default is 100 ms.
func Window(d time.Duration) Option { return func(o *options) { o.window = d } }

// CheckpointEvery signs after so many records, and after so much time when
// fewer came. The defaults are 1000 and a minute.
func CheckpointEvery(records int, d time.Duration) Option {
	return func(o *options) { o.every, o.interval = records, d }
}

// MaxBytes sets the size from which on a new file is begun; the default is 64 MiB.
func MaxBytes(n int64) Option { return func(o *options) { o.maxBytes = n } }

// Anchor is called with each checkpoint's place in the chain, to keep it where
// who can write the trail cannot. It may be called concurrently.
func Anchor(f func(Head)) Option { return func(o *options) { o.anchor = f } }

// Trust names the keys that may have signed the last checkpoint that Open finds,
// beside the signer's own. Without it a checkpoint of another key, as after keys
// were changed, is left to [Verify].
func Trust(keys Verifier) Option { return func(o *options) { o.trust = keys } }

// Accept lets Open go on from a trail whose end it would refuse, after somebody
// has looked at it: one that ends with exactly this record, as Open's error
// tells it. A record says how much was taken over.
func Accept(h Head) Option { return func(o *options) { o.accept = h } }

// Clock replaces time.Now, for tests.
func Clock(now func() time.Time) Option { return func(o *options) { o.clock = now } }

// file is what a Log needs of an open file; tests put failing ones here.
type file interface {
	io.WriteCloser
	Sync() error
}

type options struct {
	sync     SyncPolicy
	window   time.Duration
	every    int
	interval time.Duration
	maxBytes int64
	anchor   func(Head)
	trust    Verifier
	accept   Head
	clock    func() time.Time
	open     func(path string, flag int) (file, error)
}

func newOptions(opts []Option) (options, error) {
	o := options{
		window: 100 * time.Millisecond, every: 1000, interval: time.Minute, maxBytes: 64 << 20, clock: time.Now,
		open: func(path string, flag int) (file, error) { return os.OpenFile(path, flag, 0o640) },
	}
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	if o.window <= 0 || o.every <= 0 || o.interval <= 0 || o.maxBytes <= 0 || o.sync > SyncNone || o.clock == nil {
		return o, fmt.Errorf("audit: %w: windows, intervals and sizes are above zero, and the policy is one of four", core.ErrInvalid)
	}
	return o, nil
}
