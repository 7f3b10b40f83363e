package audit

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// Version is the format of the lines that are written.
const Version = 1

// Record is one line of a trail.
type Record struct {
	Seq  int64
	Time time.Time
	Kind Kind

	Event      rbac.Event // of KindEvent; its Time is the record's
	Link       Link       // of KindLink
	Checkpoint Checkpoint // of KindCheckpoint
	Recovery   Recovery   // of KindRecovery

	Prev Digest // the hash of the record before, zero for the first
	Hash Digest // of this line, up to the hash itself
}

// Kind says what a record is about.
type Kind string

// The kinds.
const (
	KindEvent      Kind = "event"
	KindLink       Kind = "link"       // the first line of a file
	KindCheckpoint Kind = "checkpoint" // signs everything before it
	KindRecovery   Kind = "recovery"   // the trail was not closed, or a line could not be written
)

// Link ties a file to the ones before it.
type Link struct {
	Chain string // random id of the trail
	File  int    // number of the file, from 1; 0 in a store
}

// Checkpoint is signed over the line up to the signature, and so over the hash
// of the record before it.
type Checkpoint struct {
	Chain  string
	Reason string // one of the Reason constants
	Sig    []byte
}

// The reasons of checkpoints.
const (
	ReasonCount  = "count"
	ReasonTime   = "time"
	ReasonRotate = "rotate"
	ReasonAsked  = "asked"
	ReasonClose  = "close"
)

// Recovery tells what happened between the record before it and the one after.
type Recovery struct {
	Cut     int64  // bytes of a line that a crash or a full disk had cut short, now removed
	Digest  Digest // SHA-256 of those bytes
	Lost    int64  // records that were written and are not there any more
	Refused int64  // events that could not be recorded here
	// Unsigned counts the records before this one that the trail went on from
	// though nothing vouches for them but their hashes: after [Open], all since
	// the last checkpoint.
	Unsigned int64
}

// Digest is a SHA-256.
type Digest [32]byte

// String gives 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText gives the same as String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *Digest) UnmarshalText(text []byte) error {
	c := cursor{b: text}
	*d = c.digest()
	return c.end()
}

// The most that a record holds of what callers say, in bytes and in columns: a
// caller cannot fill the disk with one request.
const (
	mostText    = 512
	mostFilter  = 4096
	mostColumns = 256
)

// tidy makes an event that every line can hold: texts of bounded length in
// valid UTF-8, a known operation, UTC without a monotonic clock.
func tidy(e rbac.Event) rbac.Event {
	e.Time = tidyTime(e.Time)
	if _, known := core.ParseOp(e.Op.String()); !known {
		e.Op = 0
	}
	for _, s := range []*string{&e.Identity, &e.Part, (*string)(&e.Feature), &e.Decision, &e.Reason, &e.Outcome} {
		*s = tidyText(*s, mostText)
	}
	e.Filter = tidyText(e.Filter, mostFilter)
	if len(e.Columns) > mostColumns {
		more := len(e.Columns) - mostColumns + 1
		e.Columns = append(slices.Clone(e.Columns[:mostColumns-1]), "… "+strconv.Itoa(more)+" more")
	}
	for i, c := range e.Columns {
		if t := tidyText(c, mostText); t != c {
			e.Columns = slices.Clone(e.Columns)
			e.Columns[i] = t
		}
	}
	return e
}

// tidyTime keeps to the years that RFC 3339 can spell.
func tidyTime(t time.Time) time.Time {
	t = t.Round(0).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return time.Unix(0, 0).UTC()
	}
	return t
}

func tidyText(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "… (" + strconv.Itoa(len(s)) + " bytes)"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
