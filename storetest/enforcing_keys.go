package storetest

import (
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// z7 flips one bit in every byte of a ciphertext, and cuts it.
func (z *enforcingRun) z7(e *env) {
	inner := z.l.inner(e.tb())
	s := z.l.wrap(e.tb(), inner)
	defer func() { _ = s.Close() }()
	e.writeVideos(s, video("a", 1))
	schema, rows := z.stored(e, inner, KeyVideo)
	at := schema.FieldIndices(z.cfg.Crypto.Column)[0]
	var good []byte
	text, isText := rows[0][at].(string)
	if isText {
		good = []byte(text)
	} else {
		good = rows[0][at].([]byte)
	}
	try := func(what string, changed []byte) {
		row := append([]any{}, rows[0]...)
		row[at] = changed
		if isText {
			row[at] = string(changed)
		}
		z.tampered(e, what, KeyVideo, schema, [][]any{row})
	}
	for i := range good {
		changed := append([]byte{}, good...)
		changed[i] ^= 1
		try("a flipped byte", changed)
	}
	try("a ciphertext cut at its end", good[:len(good)-1])
	try("a ciphertext cut at its start", good[1:])
	try("an empty ciphertext", nil)
}

// over reads a row of video/raw through another instance of the layer.
func (z *enforcingRun) over(e *env, layer func(testing.TB) core.Layer, inner core.Store) core.Store {
	e.Helper()
	s, err := layer(e.tb()).Wrap(inner)
	e.must("wrap", err)
	e.Cleanup(func() { _ = s.Close() })
	return s
}

func (z *enforcingRun) z8(e *env) {
	inner := z.l.inner(e.tb())
	old := z.over(e, z.cfg.Layer, inner)
	e.writeVideos(old, video("a", 1))
	rotated := z.over(e, z.cfg.Crypto.Rotated, inner)
	req := core.ReadRequest{Key: KeyVideo, Columns: []string{z.cfg.Crypto.Column}, Filter: mustParse(`sample_id = 'a'`)}
	e.same("an old row after rotation", e.read(old, req), e.read(rotated, req))
	e.writeVideos(rotated, video("b", 2))
	if n := len(e.read(rotated, core.ReadRequest{Key: KeyVideo})); n != 2 {
		e.Errorf("after rotation %d rows are readable, want 2", n)
	}
	z.refused(e, "a row of the new key, read with the old keys alone", old, KeyVideo)
	z.refused(e, "rows read with unknown keys", z.over(e, z.cfg.Crypto.Stranger, inner), KeyVideo)
}

func (z *enforcingRun) z9(e *env) {
	inner := z.l.inner(e.tb())
	s := z.l.wrap(e.tb(), inner)
	defer func() { _ = s.Close() }()
	e.writeVideos(s, video("a", 1))
	schema, rows := z.stored(e, inner, KeyVideo)
	at := schema.FieldIndices(z.cfg.Crypto.Column)[0]
	if _, isText := rows[0][at].(string); isText {
		rows[0][at] = "/data/plain.mp4"
	} else {
		rows[0][at] = []byte("/data/plain.mp4")
	}
	z.tampered(e, "plaintext below", KeyVideo, schema, rows)
}

// z10: with a service down nothing is written in the clear and nothing is read.
func (z *enforcingRun) z10(e *env) {
	inner := z.l.inner(e.tb())
	e.writeVideos(z.over(e, z.cfg.Layer, inner), setCell(video("a", 1), VideoSchema().FieldIndices(z.cfg.Crypto.Column)[0], canary))
	tap := Tap(TapRows())
	tapped, err := tap.Wrap(inner)
	e.must("wrap", err)
	down := z.over(e, z.cfg.Crypto.Down, tapped)
	row := setCell(video("b", 1), VideoSchema().FieldIndices(z.cfg.Crypto.Column)[0], canary)
	if _, err := down.Write(e.ctx(), core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), row)}); err == nil {
		e.Error("a write succeeds although a service is down")
	}
	rows, err := down.Read(e.ctx(), core.ReadRequest{Key: KeyVideo})
	var lines []string
	if err == nil {
		lines, err = Lines(rows)
	}
	if err == nil || strings.Contains(strings.Join(lines, "\n"), canary) {
		e.Errorf("a read while a service is down gives %d rows and error %v", len(lines), err)
	}
	for _, c := range tap.Contains(canary) {
		e.Errorf("plaintext went below while a service was down, in %s", c.Op)
	}
}
