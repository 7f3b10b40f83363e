package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// A trail of 20 events, signed after four each.
func signedTrail(t *testing.T) (dir string, lines [][]byte) {
	t.Helper()
	dir = t.TempDir()
	l := open(t, dir, every4, Clock(ticking()))
	record(t, l, 0, 20)
	closed(t, l)
	return dir, bytes.SplitAfter(bytesOf(t, dir)[fileName(1)], []byte{'\n'})
}

var every4 = CheckpointEvery(4, time.Hour)

// toMark gives the lines up to the first checkpoint, and the place behind it.
func toMark(t *testing.T, lines [][]byte) (kept []byte, at place) {
	t.Helper()
	at = place{file: 1}
	for i, line := range lines {
		r, err := ParseLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := at.follow(r, i == 0); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, line...)
		if r.Kind == KindCheckpoint {
			return kept, at
		}
	}
	t.Fatal("no checkpoint")
	return nil, at
}

// forgedEvents are well-formed, with right hashes, which anybody can compute.
func forgedEvents(at place, n int) ([]byte, place) {
	w := encoder{at: at}
	for i := range n {
		e := event(i)
		e.Identity = "user:innocent"
		w.event(e)
	}
	return w.buf, w.at
}

// Forged records behind a checkpoint are not signed by the next process that
// opens the trail, unless they are as few as a crash leaves; then it says how
// many there were.
func TestForgedTail(t *testing.T) {
	s, _ := keys(t)
	for _, n := range []int{1, 4, 5, 1500} {
		dir, lines := signedTrail(t)
		kept, at := toMark(t, lines)
		more, end := forgedEvents(at, n)
		put(t, dir, fileName(1), append(kept, more...))
		l, err := Open(dir, s, every4)
		if n > 4 {
			if !errors.Is(err, core.ErrIntegrity) || !strings.Contains(err.Error(), end.Hash.String()) {
				t.Fatalf("%d forged events: %v", n, err)
			}
			if _, err := Open(dir, s, every4, Accept(at.Head)); !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%d forged events, another head accepted: %v", n, err)
			}
			l, err = Open(dir, s, every4, Accept(end.Head))
		}
		if err != nil {
			t.Fatalf("%d forged events: %v", n, err)
		}
		record(t, l, 0, 1)
		closed(t, l)
		r := verified(t, dir)
		if len(r.Recoveries) != 1 || r.Recoveries[0].Recovery != (Recovery{Unsigned: int64(n)}) {
			t.Errorf("%d forged events: %+v", n, r.Recoveries)
		}
	}
}

// Files that were never signed do not hide behind a new one.
func TestForgedFiles(t *testing.T) {
	dir, lines := signedTrail(t)
	kept, at := toMark(t, lines)
	more, at := forgedEvents(at, 3)
	put(t, dir, fileName(1), append(kept, more...))
	next := encoder{at: at}
	next.at.file, next.at.size = 2, 0
	next.link(start, Link{Chain: at.chain, File: 2})
	more, _ = forgedEvents(next.at, 2)
	s, _ := keys(t)
	for _, text := range [][]byte{append(bytes.Clone(next.buf), more...), next.buf} {
		put(t, dir, fileName(2), text)
		if _, err := Open(dir, s, every4); !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("a second file of %d bytes: %v", len(text), err)
		}
	}
	// Nothing of the second file is there: three events are what a crash leaves.
	put(t, dir, fileName(2), next.buf[:40])
	closed(t, open(t, dir, every4))
	if r := verified(t, dir); len(r.Recoveries) != 1 || r.Recoveries[0].Recovery.Unsigned != 3 {
		t.Errorf("%+v", r.Recoveries)
	}
}

// The file before the last one may have been moved elsewhere.
func TestOpenWithoutTheFileBefore(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, MaxBytes(1000), CheckpointEvery(100, time.Hour))
	record(t, l, 0, 5)
	files := bytesOf(t, dir)
	closed(t, l)
	last := len(files)
	put(t, dir, fileName(last), files[fileName(last)])
	if err := os.Remove(filepath.Join(dir, fileName(last-1))); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, dir))
}

// A checkpoint with a wrong signature is found on opening; one of another key
// when it is known which keys there were.
func TestForgedMark(t *testing.T) {
	s, v := keys(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	disguised := signer{s.(signer).id, private}
	for name, c := range map[string]struct {
		by   Signer
		opts []Option
		ok   bool
	}{
		"the signer's own":                 {s, nil, true},
		"a forged one":                     {disguised, nil, false},
		"of a key nobody knows here":       {other, nil, true}, // Verify tells
		"of a key that is not trusted":     {other, []Option{Trust(v)}, false},
		"of the key before":                {other, []Option{Trust(otherKey)}, true},
		"own, with another key trusted":    {s, []Option{Trust(otherKey)}, true},
		"forged, with another key trusted": {disguised, []Option{Trust(otherKey)}, false},
	} {
		for _, reason := range []string{ReasonCount, ReasonClose} {
			dir, lines := signedTrail(t)
			kept, at := toMark(t, lines)
			w := encoder{at: at}
			w.event(event(1))
			if err := w.checkpoint(c.by, start, reason); err != nil {
				t.Fatal(err)
			}
			put(t, dir, fileName(1), append(kept, w.buf...))
			l, err := Open(dir, s, append(c.opts, every4)...)
			if c.ok != (err == nil) || err != nil && !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%s: %v", name, err)
			}
			if err == nil {
				closed(t, l)
			}
			if _, err := Verify(t.Context(), dir, v, Live()); (err == nil) != strings.Contains(name, "own") {
				t.Errorf("%s: verified: %v", name, err)
			}
		}
	}
}

// What is put behind, or in the place of, the records of a running Log is not
// taken over when it looks at the file again.
func TestForgedWhileRunning(t *testing.T) {
	for what, forge := range map[string]func(text []byte, at place) []byte{
		"an event more": func(text []byte, at place) []byte {
			more, _ := forgedEvents(at, 1)
			return append(text, more...)
		},
		"another last event": func(text []byte, _ place) []byte {
			lines := bytes.SplitAfter(text, []byte{'\n'})
			last := len(lines) - 2 // behind it is nothing
			lines[last] = rehashed(lines[last], "user:", "root:")
			return bytes.Join(lines, nil)
		},
	} {
		dir := t.TempDir()
		l := open(t, dir)
		record(t, l, 0, 3)
		l.mu.Lock()
		at := l.at
		l.mu.Unlock()
		put(t, dir, fileName(1), forge(bytesOf(t, dir)[fileName(1)], at))
		l.mu.Lock()
		_ = l.fail(errShort) // so that it looks again
		l.mu.Unlock()
		if err := l.Record(t.Context(), rbac.Event{}); !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Old lines, without the number, are read as before.
func TestUnsignedOfARecovery(t *testing.T) {
	w := encoder{}
	w.recovery(start, Recovery{Refused: 1})
	w.recovery(start, Recovery{Refused: 1, Unsigned: 7})
	lines := bytes.SplitAfter(w.buf, []byte{'\n'})
	for i, want := range []int64{0, 7} {
		if r, err := ParseLine(lines[i]); err != nil || r.Recovery.Unsigned != want {
			t.Errorf("%s: %+v, %v", lines[i], r.Recovery, err)
		}
	}
	if bytes.Contains(lines[0], []byte("unsigned")) {
		t.Errorf("%s", lines[0])
	}
	if _, err := ParseLine(rehashed(lines[1], `"unsigned":7`, `"unsigned":0`)); !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("a number that is never written: %v", err)
	}
}
