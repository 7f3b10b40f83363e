package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/layers/rbac"
)

// A line is a JSON object with its members in one fixed order and spelling,
// plain ASCII, so that there is one line for one record and a parser can insist
// on it. The hash is over the bytes before ,"hash".

// signing comes before the bytes that a checkpoint signs, so that the signature
// is good for nothing else.
const signing = "metaxy audit checkpoint 1\n"

// encoder appends sealed lines to buf and moves at behind each. Nothing else
// changes until the lines are written.
type encoder struct {
	buf []byte
	at  place
}

func (w *encoder) event(e rbac.Event) {
	e = tidy(e)
	start := w.head(e.Time, KindEvent)
	b := w.buf
	b = appendText(append(b, `,"identity":`...), e.Identity)
	b = append(b, `,"op":"`...)
	if e.Op != 0 {
		b = append(b, e.Op.String()...)
	}
	b = append(b, '"')
	b = appendText(append(b, `,"part":`...), e.Part)
	b = appendText(append(b, `,"feature":`...), string(e.Feature))
	b = appendList(append(b, `,"columns":`...), e.Columns)
	b = appendText(append(b, `,"filter":`...), e.Filter)
	b = strconv.AppendInt(append(b, `,"rows":`...), e.Rows, 10)
	b = appendText(append(b, `,"decision":`...), e.Decision)
	b = appendText(append(b, `,"reason":`...), e.Reason)
	b = appendText(append(b, `,"outcome":`...), e.Outcome)
	w.buf = strconv.AppendInt(append(b, `,"nanos":`...), int64(e.Duration), 10)
	w.prev()
	w.seal(start)
	w.at.events++
}

func (w *encoder) link(t time.Time, l Link) {
	w.at.chain = l.Chain
	start := w.head(tidyTime(t), KindLink)
	w.buf = appendText(append(w.buf, `,"chain":`...), l.Chain)
	w.buf = strconv.AppendInt(append(w.buf, `,"file":`...), int64(l.File), 10)
	w.prev()
	w.seal(start)
}

func (w *encoder) recovery(t time.Time, r Recovery) {
	start := w.head(tidyTime(t), KindRecovery)
	w.buf = strconv.AppendInt(append(w.buf, `,"cut":`...), r.Cut, 10)
	w.buf = appendDigest(append(w.buf, `,"digest":`...), r.Digest)
	w.buf = strconv.AppendInt(append(w.buf, `,"lost":`...), r.Lost, 10)
	w.buf = strconv.AppendInt(append(w.buf, `,"refused":`...), r.Refused, 10)
	if r.Unsigned > 0 { // trails of before do not have it
		w.buf = strconv.AppendInt(append(w.buf, `,"unsigned":`...), r.Unsigned, 10)
	}
	w.prev()
	w.seal(start)
}

func (w *encoder) checkpoint(s Signer, t time.Time, reason string) error {
	start := w.head(tidyTime(t), KindCheckpoint)
	w.buf = appendText(append(w.buf, `,"chain":`...), w.at.chain)
	w.buf = appendText(append(w.buf, `,"reason":`...), reason)
	w.prev()
	sig, err := s.Sign(append([]byte(signing), w.buf[start:]...))
	if err != nil {
		return err
	}
	w.buf = append(w.buf, `,"sig":"`...)
	w.buf = append(base64.StdEncoding.AppendEncode(w.buf, sig), '"')
	w.seal(start)
	w.at.unsigned, w.at.events, w.at.closed = 0, 0, reason == ReasonClose
	return nil
}

func (w *encoder) head(t time.Time, k Kind) (start int) {
	start = len(w.buf)
	w.buf = strconv.AppendInt(append(w.buf, `{"v":`...), Version, 10)
	w.buf = strconv.AppendInt(append(w.buf, `,"seq":`...), w.at.Seq+1, 10)
	w.buf = t.AppendFormat(append(w.buf, `,"time":"`...), time.RFC3339Nano)
	w.buf = append(append(append(w.buf, `","kind":"`...), k...), '"')
	return start
}

func (w *encoder) prev() { w.buf = appendDigest(append(w.buf, `,"prev":`...), w.at.Hash) }

func (w *encoder) seal(start int) {
	hash := Digest(sha256.Sum256(w.buf[start:]))
	w.buf = appendDigest(append(w.buf, `,"hash":`...), hash)
	w.buf = append(w.buf, '}', '\n')
	w.at.Seq++
	w.at.Hash = hash
	w.at.size += int64(len(w.buf) - start)
	w.at.unsigned++
	w.at.closed = false
}

func appendDigest(b []byte, d Digest) []byte {
	return append(hex.AppendEncode(append(b, '"'), d[:]), '"')
}

func appendList(b []byte, list []string) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

// appendText spells everything beyond printable ASCII as \u escapes: what a
// caller names cannot move a terminal's cursor or turn its text around.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c >= ' ' && c <= '~':
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = appendEscape(b, r)
			i += n
		}
	}
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		return appendEscape(appendEscape(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
