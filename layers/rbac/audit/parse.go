package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// MaxLine is the longest line that is read, in bytes.
const MaxLine = 1 << 20

// hashBytes is how much of a line the hash takes: ,"hash":"…"} .
const hashBytes = len(`,"hash":"`) + 2*sha256.Size + len(`"}`)

// ParseLine reads one line, with or without its line feed. It accepts exactly
// what a Log writes, down to the byte, and only when the line's own hash is
// right; everything else is core.ErrIntegrity. That the line stands in the right
// place is for [Verify] to say.
func ParseLine(line []byte) (Record, error) {
	r, _, err := parse(bytes.TrimSuffix(line, []byte{'\n'}))
	return r, err
}

// parse gives the part of a checkpoint that is signed as well.
func parse(line []byte) (r Record, signed []byte, err error) {
	c := cursor{b: line}
	c.lit(`{"v":`)
	if v := c.int(); v != Version && !c.bad {
		return r, nil, fmt.Errorf("%w: format %d is not known here", core.ErrIntegrity, v)
	}
	c.lit(`,"seq":`)
	r.Seq = c.int()
	c.lit(`,"time":`)
	r.Time = c.time()
	c.lit(`,"kind":`)
	r.Kind = Kind(c.text())
	switch r.Kind {
	case KindEvent:
		r.Event = c.event(r.Time)
	case KindLink:
		c.lit(`,"chain":`)
		r.Link.Chain = c.text()
		c.lit(`,"file":`)
		r.Link.File = int(c.int())
	case KindRecovery:
		r.Recovery = c.recovery()
	case KindCheckpoint:
		c.lit(`,"chain":`)
		r.Checkpoint.Chain = c.text()
		c.lit(`,"reason":`)
		r.Checkpoint.Reason = c.text()
	default:
		c.bad = true
	}
	c.lit(`,"prev":`)
	r.Prev = c.quoted()
	if r.Kind == KindCheckpoint {
		signed = line[:c.i]
		c.lit(`,"sig":`)
		r.Checkpoint.Sig = c.base64()
	}
	c.lit(`,"hash":`)
	r.Hash = c.quoted()
	c.lit(`}`)
	if err := c.end(); err != nil {
		return r, nil, err
	}
	if sha256.Sum256(line[:len(line)-hashBytes]) != r.Hash {
		return r, nil, fmt.Errorf("%w: the line does not have its own hash", core.ErrIntegrity)
	}
	return r, signed, nil
}

// cursor reads forward; after the first surprise it is bad and stays so.
type cursor struct {
	b   []byte
	i   int
	bad bool
}

func (c *cursor) end() error {
	if c.bad || c.i != len(c.b) {
		return fmt.Errorf("%w: byte %d is not what a trail's line has there", core.ErrIntegrity, min(c.i, len(c.b))+1)
	}
	return nil
}

func (c *cursor) lit(s string) {
	if c.bad || len(c.b)-c.i < len(s) || string(c.b[c.i:c.i+len(s)]) != s {
		c.bad = true
		return
	}
	c.i += len(s)
}

func (c *cursor) next() byte {
	if c.bad || c.i >= len(c.b) {
		c.bad = true
		return 0
	}
	c.i++
	return c.b[c.i-1]
}

func (c *cursor) int() int64 {
	start := c.i
	for c.i < len(c.b) && (c.b[c.i] >= '0' && c.b[c.i] <= '9' || c.b[c.i] == '-') {
		c.i++
	}
	text := string(c.b[start:c.i])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text { // 07 and -0 are other spellings
		c.bad = true
	}
	return n
}

func (c *cursor) time() time.Time {
	text := c.text()
	t, err := time.Parse(time.RFC3339Nano, text)
	var again [len(time.RFC3339Nano)]byte
	if err != nil || string(t.UTC().AppendFormat(again[:0], time.RFC3339Nano)) != text {
		c.bad = true
	}
	return t.UTC()
}

func (c *cursor) event(t time.Time) (e rbac.Event) {
	e.Time = t
	c.lit(`,"identity":`)
	e.Identity = c.text()
	c.lit(`,"op":`)
	if name := c.text(); name != "" {
		op, ok := core.ParseOp(name)
		c.bad = c.bad || !ok
		e.Op = op
	}
	c.lit(`,"part":`)
	e.Part = c.text()
	c.lit(`,"feature":`)
	e.Feature = core.FeatureKey(c.text())
	c.lit(`,"columns":`)
	e.Columns = c.list()
	c.lit(`,"filter":`)
	e.Filter = c.text()
	c.lit(`,"rows":`)
	e.Rows = c.int()
	c.lit(`,"decision":`)
	e.Decision = c.text()
	c.lit(`,"reason":`)
	e.Reason = c.text()
	c.lit(`,"outcome":`)
	e.Outcome = c.text()
	c.lit(`,"nanos":`)
	e.Duration = time.Duration(c.int())
	return e
}

func (c *cursor) recovery() (r Recovery) {
	c.lit(`,"cut":`)
	r.Cut = c.int()
	c.lit(`,"digest":`)
	r.Digest = c.quoted()
	c.lit(`,"lost":`)
	r.Lost = c.int()
	c.lit(`,"refused":`)
	r.Refused = c.int()
	if more := `,"unsigned":`; bytes.HasPrefix(c.b[c.i:], []byte(more)) {
		c.lit(more)
		r.Unsigned = c.int()
		c.bad = c.bad || r.Unsigned <= 0 // 0 is not written
	}
	return r
}

func (c *cursor) list() []string {
	if c.i < len(c.b) && c.b[c.i] == 'n' {
		c.lit("null")
		return nil
	}
	c.lit("[")
	out := []string{}
	if c.i < len(c.b) && c.b[c.i] == ']' {
		c.lit("]")
		return out
	}
	for !c.bad {
		out = append(out, c.text())
		switch c.next() {
		case ',':
		case ']':
			return out
		default:
			c.bad = true
		}
	}
	return out
}

func (c *cursor) text() string {
	c.lit(`"`)
	start := c.i
	for c.i < len(c.b) && c.b[c.i] != '"' && c.b[c.i] != '\\' && c.b[c.i] >= ' ' && c.b[c.i] <= '~' {
		c.i++
	}
	if c.i < len(c.b) && c.b[c.i] == '"' && !c.bad {
		c.i++
		return string(c.b[start : c.i-1])
	}
	return c.escaped(append([]byte(nil), c.b[min(start, len(c.b)):c.i]...))
}

// escaped reads on from the first character that does not stand for itself.
func (c *cursor) escaped(out []byte) string {
	for !c.bad {
		switch b := c.next(); {
		case b == '"':
			return string(out)
		case b < ' ' || b > '~':
			c.bad = true
		case b != '\\':
			out = append(out, b)
		default:
			out = c.escape(out)
		}
	}
	return ""
}

func (c *cursor) escape(out []byte) []byte {
	switch b := c.next(); b {
	case '"', '\\':
		return append(out, b)
	case 'u':
	default:
		c.bad = true
		return out
	}
	r := c.unit()
	if utf16.IsSurrogate(r) {
		c.lit(`\u`)
		if r = utf16.DecodeRune(r, c.unit()); r == '\uFFFD' {
			c.bad = true
		}
	}
	if r >= ' ' && r <= '~' { // stands for itself
		c.bad = true
	}
	return append(out, string(r)...)
}

func (c *cursor) unit() (r rune) {
	for range 4 {
		r = r<<4 | rune(c.nibble())
	}
	return r
}

func (c *cursor) nibble() byte {
	switch b := c.next(); {
	case b >= '0' && b <= '9':
		return b - '0'
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10
	}
	c.bad = true
	return 0
}

func (c *cursor) quoted() Digest {
	c.lit(`"`)
	d := c.digest()
	c.lit(`"`)
	return d
}

func (c *cursor) digest() (d Digest) {
	for i := range d {
		d[i] = c.nibble()<<4 | c.nibble()
	}
	return d
}

func (c *cursor) base64() []byte {
	text := c.text()
	sig, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		c.bad = true
	}
	return sig
}
