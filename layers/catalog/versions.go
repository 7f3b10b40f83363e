package catalog

import (
	"encoding/hex"
	"fmt"
	"iter"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Time is an instant, the zero value none. Catalogs keep microseconds.
type Time = time.Time

// Mode is how a catalog keeps the versions of a feature.
type Mode uint8

// The modes, from most to least exact and large.
const (
	Exact  Mode = iota // every version with its count
	Filter             // a compact filter: a version may be there, or is surely not
	Counts             // how many rows each container has, and no versions
)

// Presence is an answer without false certainty.
type Presence uint8

// The answers.
const (
	No    Presence = iota // surely not registered
	Maybe                 // the catalog cannot tell: ask the store
	Yes
)

// Condition narrows HasFeature.
type Condition func(*Conditions)

// Conditions are what was asked; the zero value is any.
type Conditions struct {
	Container  string // "" any
	Version    string // "" any
	hasVersion bool
}

// InContainer asks for rows of a container.
func InContainer(name string) Condition { return func(c *Conditions) { c.Container = name } }

// WithVersion asks for rows that carry a data version.
func WithVersion(v string) Condition {
	return func(c *Conditions) { c.Version, c.hasVersion = v, true }
}

// Ask collects conditions, for implementations.
func Ask(conditions ...Condition) Conditions {
	var c Conditions
	for _, set := range conditions {
		set(&c)
	}
	return c
}

// AnyContainer reports whether no container was asked for.
func (c Conditions) AnyContainer() bool { return c.Container == "" }

// AnyVersion reports whether no version was asked for.
func (c Conditions) AnyVersion() bool { return !c.hasVersion }

// VersionCount is a data version and the number of rows that were written with it.
type VersionCount struct {
	Version string
	Rows    int64
	Last    Time // commit time of the last such row
}

// Versions are the data versions of one commit, aggregated.
type Versions struct {
	Containers []ContainerVersions // by name
}

// ContainerVersions are the versions of one container in one commit. Rows
// without a version (null) are not counted.
type ContainerVersions struct {
	Container string
	Rows      int64 // the sum of the counts
	Distinct  int64
	// Sorted yields each distinct encoded version once with its count, in
	// bytewise order. It can be ranged over again, by one goroutine at a time.
	// The slice is valid until the next step. A source that breaks (a spill
	// file that cannot be read) ends early: see Complete.
	Sorted iter.Seq2[[]byte, int64]
}

// Complete says whether Sorted gave all that it promised. A catalog asks it
// with what it counted, before it commits.
func (v ContainerVersions) Complete(distinct, rows int64) error {
	if distinct != v.Distinct || rows != v.Rows {
		return fmt.Errorf("%w: %d of %d versions of container %q came", core.ErrUnavailable, distinct, v.Distinct, v.Container)
	}
	return nil
}

// The first byte of an encoded version.
const (
	tagRaw byte = 'r' // the text follows
	tagHex byte = 'x' // the bytes that the text writes as lowercase hex follow
)

// EncodeVersion appends the compact form of a data version to b: the bytes of a
// lowercase hex digest after a tag, or the text after another. Different
// versions have different forms.
func EncodeVersion(b []byte, v string) []byte {
	if out, ok := appendHex(append(b, tagHex), v); ok {
		return out
	}
	return append(append(b, tagRaw), v...)
}

// DecodeVersion gives the text of an encoded version; one that nobody encoded
// is not ok.
func DecodeVersion(b []byte) (v string, ok bool) {
	switch {
	case len(b) == 0:
		return "", false
	case b[0] == tagHex:
		return hex.EncodeToString(b[1:]), len(b) > 1
	}
	return string(b[1:]), b[0] == tagRaw
}

// appendHex appends the bytes that v writes as lowercase hex.
func appendHex(b []byte, v string) ([]byte, bool) {
	if v == "" || len(v)%2 != 0 {
		return b, false
	}
	n := len(b)
	b = append(b, v[:len(v)/2]...) // room
	bad := byte(0)
	for i := range len(v) / 2 {
		high, low := hexDigits[v[2*i]], hexDigits[v[2*i+1]]
		bad |= high | low
		b[n+i] = high<<4 | low&0xf
	}
	if bad > 0xf {
		return b[:n], false
	}
	return b, true
}

// hexDigits has the value of each lowercase hex digit, and 255 elsewhere.
const hexDigits = "" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\x0a\x0b\x0c\x0d\x0e\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
