package crypto

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// mode is how a column is encrypted. Its number is part of the stored format.
type mode uint8

const (
	modeRandom        mode = 1
	modeDeterministic mode = 2
)

const (
	flagHideNulls = 1 << iota
	flagLate      // added by Evolve: rows before it are null without ciphertext
	flagNullable
	flagWidened // values of narrower types may be there
)

// mark is what the name of a companion column records about the protected
// column that it stands beside.
type mark struct {
	mode    mode
	flags   byte
	beacon  int
	path    []string
	bound   string // the column that values are bound to
	subject string // column that names the subject, "" without
	typ     arrow.DataType

	mac []byte // authenticates all of it; nil in the first format
}

// companionPrefix begins the names of companion columns; users' columns may not.
const companionPrefix = "mxsealed_"

// The versions of the companion's name.
const (
	markVersion    = 1
	markVersionMAC = 2 // ends with a MAC
)

// macBytes keeps the names of most columns below 63 bytes, which is what some
// databases take.
const macBytes = 10

var markText = base32.HexEncoding.WithPadding(base32.NoPadding)

func isCompanion(column string) bool { return strings.HasPrefix(column, companionPrefix) }

func (m mark) hideNulls() bool { return m.flags&flagHideNulls != 0 }
func (m mark) late() bool      { return m.flags&flagLate != 0 }

// companion is the name of the companion column.
func (m mark) companion() (string, error) {
	version := byte(markVersion)
	if m.mac != nil {
		version = markVersionMAC
	}
	b, err := m.record(version)
	if err != nil {
		return "", err
	}
	return companionPrefix + strings.ToLower(markText.EncodeToString(append(b, m.mac...))), nil
}

// record is what the name says, without the MAC.
func (m mark) record(version byte) ([]byte, error) {
	b := []byte{version, byte(m.mode), m.flags, byte(m.beacon)}
	b = binary.AppendUvarint(b, uint64(len(m.path)))
	for _, p := range m.path {
		b = appendText(b, p)
	}
	b = appendText(b, m.bound)
	b = appendText(b, m.subject)
	return appendType(b, m.typ)
}

// parseMark reads the name of a companion column.
func parseMark(column string) (mark, error) {
	text := strings.TrimPrefix(column, companionPrefix)
	b, err := markText.DecodeString(strings.ToUpper(text))
	if err != nil || strings.ToLower(markText.EncodeToString(b)) != text || len(b) < 4 {
		return mark{}, errMark
	}
	m := mark{mode: mode(b[1]), flags: b[2], beacon: int(b[3])}
	switch b[0] {
	case markVersion:
	case markVersionMAC:
		if len(b) < 4+macBytes {
			return mark{}, errMark
		}
		b, m.mac = b[:len(b)-macBytes], b[len(b)-macBytes:]
	default:
		return mark{}, fmt.Errorf("%w: the record of a protected column is of format %d, which this version does not read", core.ErrIntegrity, b[0])
	}
	r := reader{b: b[4:]}
	n := r.uvarint()
	for ; n > 0 && !r.failed; n-- {
		m.path = append(m.path, r.text())
	}
	m.bound, m.subject = r.text(), r.text()
	m.typ = r.typ(0)
	if r.failed || len(r.b) > 0 || len(m.path) == 0 || m.mode != modeRandom && m.mode != modeDeterministic || m.beacon > 32 {
		return mark{}, errMark
	}
	return m, nil
}

var errMark = fmt.Errorf("%w: the record of a protected column cannot be read", core.ErrIntegrity)

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes apart what was appended; the first mistake fails it for good.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) fail() { r.failed, r.b = true, nil }

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 { // not the shortest form
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) text() string { return string(r.take(r.uvarint())) }

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}
