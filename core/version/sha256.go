package version

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// SHA256 is the default scheme: the lowercase hex SHA-256 of
//
//	container "|" code { "|" feature "/" container "|" version }
//
// with the inputs sorted by feature, then container. Inside a version "\" and
// "|" are written "\\" and "\|", so that two different inputs never share a
// preimage. An N:1 input is the hash of the group's versions, each escaped
// likewise, joined with "|".
var SHA256 Scheme = sha256Scheme{}

type sha256Scheme struct{}

func (sha256Scheme) Name() string { return "sha256" }

func (sha256Scheme) Group() Grouper { return &sha256Group{} }

func (sha256Scheme) Compile(c Container) Hasher {
	order := make([]int, len(c.Inputs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.Inputs[a].Feature, c.Inputs[b].Feature), cmp.Compare(c.Inputs[a].Container, c.Inputs[b].Container))
	})
	h := &sha256Hasher{buf: []byte(c.Name + "|" + c.Code), order: order}
	h.head = len(h.buf)
	for _, i := range order {
		h.labels = append(h.labels, []byte("|"+c.Inputs[i].Feature+"/"+c.Inputs[i].Container+"|"))
	}
	return h
}

type sha256Hasher struct {
	buf    []byte // the head of the preimage, then scratch
	head   int
	order  []int    // sorted position → index in Container.Inputs
	labels [][]byte // by sorted position
}

func (h *sha256Hasher) Append(dst []byte, versions [][]byte) []byte {
	buf := h.buf[:h.head]
	for at, i := range h.order {
		buf = append(buf, h.labels[at]...)
		buf = AppendEscaped(buf, versions[i])
	}
	h.buf = buf
	return appendHex(dst, buf)
}

type sha256Group struct {
	buf   []byte
	begun bool
}

func (g *sha256Group) Add(version []byte) {
	if g.begun {
		g.buf = append(g.buf, '|')
	}
	g.begun = true
	g.buf = AppendEscaped(g.buf, version)
}

func (g *sha256Group) Append(dst []byte) []byte {
	dst = appendHex(dst, g.buf)
	g.buf, g.begun = g.buf[:0], false
	return dst
}

// appendHex writes two digits at a time: with the CPU's SHA instructions the
// hash itself is cheap enough for the digits to matter.
func appendHex(dst, preimage []byte) []byte {
	sum := sha256.Sum256(preimage)
	at := len(dst)
	dst = slices.Grow(dst, 2*sha256.Size)[:at+2*sha256.Size]
	digits := dst[at : at+2*sha256.Size : at+2*sha256.Size]
	for i, b := range sum {
		binary.LittleEndian.PutUint16(digits[2*i:], uint16(hexDigits[b>>4])|uint16(hexDigits[b&15])<<8)
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendEscaped appends version to dst with "\" and "|" escaped by "\".
func AppendEscaped(dst, version []byte) []byte {
	if bytes.IndexByte(version, '|') < 0 && bytes.IndexByte(version, '\\') < 0 {
		return append(dst, version...)
	}
	for _, c := range version {
		if c == '|' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}
