package catalog

import (
	"encoding/hex"
	"iter"
	"time"
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
	// bytewise order. It can be ranged over again. The slice is valid until
	// the next step.
	Sorted iter.Seq2[[]byte, int64]
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
	if v == "" || len(v)%2 != 0 || !lowerHex(v) {
		return append(append(b, tagRaw), v...)
	}
	b = append(b, tagHex)
	n := len(b)
	b = append(b, v[:len(v)/2]...) // room
	_, _ = hex.Decode(b[n:], []byte(v))
	return b
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

func lowerHex(v string) bool {
	for i := range len(v) {
		if c := v[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
