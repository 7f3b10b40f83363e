package cache

import (
	"errors"
	"fmt"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Option sets one property of a cache.
type Option func(*options)

type options struct {
	maxBytes, maxItem int64
	maxEntries        int
	ttl, missing      time.Duration
	hasTTL            bool
	validate          time.Duration
	plainLRU          bool
	plaintext         bool
	now               func() time.Time
}

func defaults() options {
	return options{maxBytes: DefaultMaxBytes, missing: DefaultMissingTTL, now: time.Now}
}

// MaxBytes bounds the memory of what is kept; DefaultMaxBytes without it. A
// 64th of it is for features that are believed to be missing.
func MaxBytes(n int64) Option { return func(o *options) { o.maxBytes = n } }

// MaxItem bounds a single answer in bytes: a quarter of MaxBytes without it. A
// larger answer streams through and is not kept.
func MaxItem(n int64) Option { return func(o *options) { o.maxItem = n } }

// MaxEntries bounds the number of answers that hold rows; no bound without it.
func MaxEntries(n int) Option { return func(o *options) { o.maxEntries = n } }

// TTL drops an answer some time after it was read, whatever its generation.
func TTL(d time.Duration) Option { return func(o *options) { o.ttl, o.hasTTL = d, true } }

// MissingTTL is how long a missing feature is believed to be missing;
// DefaultMissingTTL without it, 0 never believes it.
func MissingTTL(d time.Duration) Option { return func(o *options) { o.missing = d } }

// Validate is how long a feature's generation is trusted before the store below
// is asked again. 0, the default, asks at each read.
func Validate(d time.Duration) Option { return func(o *options) { o.validate = d } }

// LRU evicts by last use alone, instead of by the loading time that an answer
// saves for each byte it takes.
func LRU() Option { return func(o *options) { o.plainLRU = true } }

// AbovePlaintext places the cache above a crypto layer, so that it keeps
// plaintext in memory. A stack must accept this by name.
func AbovePlaintext() Option { return func(o *options) { o.plaintext = true } }

// Clock replaces the clock of TTL, MissingTTL and Validate, for tests.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

func (o options) check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: cache: "+format, append([]any{core.ErrInvalid}, args...)...))
	}
	if o.maxBytes <= 0 {
		bad("max bytes is %d, want a positive number", o.maxBytes)
	}
	if o.maxItem < 0 || o.maxItem > o.maxBytes && o.maxBytes > 0 {
		bad("max item is %d bytes, want at most max bytes (%d)", o.maxItem, o.maxBytes)
	}
	if o.maxEntries < 0 {
		bad("max entries is %d, want a positive number or 0 for no bound", o.maxEntries)
	}
	if o.hasTTL && o.ttl <= 0 {
		bad("ttl is %s, want a positive duration", o.ttl)
	}
	if o.missing < 0 || o.validate < 0 {
		bad("a negative duration (missing %s, validate %s)", o.missing, o.validate)
	}
	if o.now == nil {
		bad("the clock is nil")
	}
	return errors.Join(errs...)
}

func (o options) itemLimit() int64 {
	if o.maxItem > 0 {
		return min(o.maxItem, o.maxBytes-o.absentShare())
	}
	return o.maxBytes / 4
}

func (o options) summary() string {
	s := byteSize(o.maxBytes)
	if o.plainLRU {
		s += ", lru"
	} else {
		s += ", w-tinylfu"
	}
	if o.hasTTL {
		s += ", ttl " + o.ttl.String()
	}
	if o.validate > 0 {
		s += ", validated every " + o.validate.String()
	}
	if o.plaintext {
		s += ", above crypto: keeps plaintext"
	}
	return s
}

func byteSize(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d B", n)
}
