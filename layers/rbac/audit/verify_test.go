package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every byte of a trail: changed, it does not verify, and the line
// is named.
func TestEveryFlip(t *testing.T) {
	whole := small(t, t.TempDir())
	names := slices.Sorted(maps.Keys(whole))
	flips := 0
	for _, name := range names {
		for i, was := range whole[name] {
			line := 1 + bytes.Count(whole[name][:i], []byte{'\n'})
			for _, bit := range [...]int{0, 5, i % 8} {
				whole[name][i] = was ^ 1<<bit
				p := inMemory(t, names, whole)
				if p == nil || p.File != name || p.Line != line {
					t.Fatalf("%s, byte %d (line %d), bit %d: %v", name, i, line, bit, p)
				}
				flips++
			}
			whole[name][i] = was
		}
	}
	if p := inMemory(t, names, whole); p != nil {
		t.Fatal(p)
	}
	t.Logf("%d flips", flips)
}

// inMemory verifies files that are not on a disk.
func inMemory(t *testing.T, names []string, content map[string][]byte) *DamageError {
	t.Helper()
	_, v := keys(t)
	c, err := newChecker(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	var p *DamageError
	for i, name := range names {
		if err := c.lines(t.Context(), name, bytes.NewReader(content[name]), i == len(names)-1); err != nil {
			if !errors.As(err, &p) {
				t.Fatal(err)
			}
			return p
		}
	}
	_, err = c.done()
	errors.As(err, &p)
	return p
}

// Each way to change lines is named, at the first record that it touches.
func TestDamageIsNamed(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, CheckpointEvery(5, time.Hour), Clock(ticking()))
	record(t, l, 0, 12)
	closed(t, l)
	name := fileName(1)
	whole := bytesOf(t, dir)[name]
	lines := slices.Collect(bytes.Lines(whole))
	want := func(what string, i int, damage Damage, out [][]byte) {
		t.Helper()
		put(t, dir, name, bytes.Join(out, nil))
		if p := broken(t, dir); p.Damage != damage || p.Line != i+1 || p.Seq != int64(i+1) {
			t.Errorf("%s line %d: %v", what, i+1, p)
		}
	}
	last := len(lines) - 1
	for i := range lines {
		if i < last {
			want("removed", i, Removed, slices.Delete(slices.Clone(lines), i, i+1))
		}
		if i > 0 && i < last {
			want("swapped", i, Reordered, swap(lines, i))
		}
		if i > 0 {
			want("repeated", i+1, map[bool]Damage{true: Inserted, false: Reordered}[i < last], slices.Insert(slices.Clone(lines), i, lines[i]))
		}
		if i > 0 {
			want("forged", i, Inserted, slices.Insert(slices.Clone(lines), i, forged(t, lines[i])))
			want("garbage", i, Edited, slices.Insert(slices.Clone(lines), i, []byte("{}\n")))
		}
		if r, _ := ParseLine(lines[i]); r.Kind == KindEvent {
			// With its hash made right, the line behind it gives it away.
			want("rehashed", i, Edited, replaced(lines, i, rehashed(lines[i], "user:", "root:")))
			want("edited", i, Edited, replaced(lines, i, bytes.Replace(lines[i], []byte("user:"), []byte("root:"), 1)))
		}
		if i > 0 {
			want("cut", i, Truncated, lines[:i])
		}
	}
}

func swap(lines [][]byte, i int) [][]byte {
	out := slices.Clone(lines)
	out[i], out[i+1] = out[i+1], out[i]
	return out
}

func replaced(lines [][]byte, i int, with []byte) [][]byte {
	out := slices.Clone(lines)
	out[i] = with
	return out
}

// forged is a well-formed event with the number of the line and another
// predecessor.
func forged(t *testing.T, line []byte) []byte {
	t.Helper()
	r, err := ParseLine(line)
	if err != nil {
		t.Fatal(err)
	}
	w := encoder{at: place{Head: Head{Seq: r.Seq - 1}}}
	w.event(event(3))
	return w.buf
}

// rehashed changes a line and gives it the right hash.
func rehashed(line []byte, from, to string) []byte {
	body := bytes.TrimSuffix(bytes.Replace(line, []byte(from), []byte(to), 1), []byte{'\n'})
	w := encoder{buf: bytes.Clone(body[:len(body)-hashBytes])}
	w.seal(0)
	return w.buf
}

// Who rewrites the whole chain cannot sign it.
func TestForgedChain(t *testing.T) {
	dir := t.TempDir()
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := NewSigner(other)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir, forger, CheckpointEvery(5, time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	record(t, l, 0, 12)
	closed(t, l)
	if p := broken(t, dir); p.Damage != BadSignature || p.Line != 6 {
		t.Error(p)
	}
	// A checkpoint of one trail is good for no other.
	_, mine := keys(t)
	both, err := NewVerifier(other.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), dir, both); err != nil {
		t.Error(err)
	}
	if _, err := Verify(t.Context(), dir, mine, Live()); err == nil {
		t.Error("the wrong key was accepted")
	}
}

func TestFilesOfATrail(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		opts   []VerifyOption
		damage Damage
		file   int
	}{
		"first missing":        {func(d string) error { return os.Remove(filepath.Join(d, fileName(1))) }, nil, Removed, 2},
		"middle missing":       {func(d string) error { return os.Remove(filepath.Join(d, fileName(2))) }, nil, Removed, 3},
		"last missing":         {func(d string) error { return os.Remove(filepath.Join(d, fileName(3))) }, nil, Truncated, 2},
		"empty":                {func(d string) error { return os.Truncate(filepath.Join(d, fileName(2)), 0) }, nil, Truncated, 2},
		"another name":         {func(d string) error { return os.Rename(filepath.Join(d, fileName(3)), filepath.Join(d, fileName(4))) }, nil, Removed, 4},
		"moved, first missing": {func(d string) error { return os.Remove(filepath.Join(d, fileName(1))) }, []VerifyOption{Partial()}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if n := len(small(t, dir)); n != 3 {
				t.Fatalf("%d files", n)
			}
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			if c.damage == "" {
				verified(t, dir, c.opts...)
				return
			}
			if p := broken(t, dir, c.opts...); p.Damage != c.damage || p.File != fileName(c.file) {
				t.Error(p)
			}
		})
	}
}

// An old copy of a trail verifies by itself: a head kept elsewhere does not let
// it pass.
func TestHolds(t *testing.T) {
	dir, old := t.TempDir(), t.TempDir()
	small(t, dir)
	whole := bytesOf(t, dir)
	for name, b := range whole {
		put(t, old, name, b)
	}
	l := open(t, dir)
	record(t, l, 0, 3)
	closed(t, l)
	head := l.Head()
	verified(t, dir, Holds(head))
	verified(t, old)
	if p := broken(t, old, Holds(head)); p.Damage != Truncated {
		t.Error(p)
	}
	head.Hash[0] ^= 1
	if p := broken(t, dir, Holds(head)); p.Damage != Edited || p.Seq != head.Seq {
		t.Error(p)
	}
}

func TestLiveTrail(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, CheckpointEvery(4, time.Hour))
	record(t, l, 0, 5)
	if p := broken(t, dir); p.Damage != Truncated || !strings.Contains(p.Text, "was not closed") {
		t.Error(p)
	}
	if r := verified(t, dir, Live()); r.Unsigned != 2 || r.Closed || r.Checkpoints != 1 {
		t.Errorf("%+v", r)
	}
	name := fileName(1)
	b := bytesOf(t, dir)[name]
	closed(t, l)
	put(t, dir, name, b[:len(b)-10]) // a reader came in the middle of a write
	if r := verified(t, dir, Live()); r.Unsigned != 1 || r.Cut == 0 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyStops(t *testing.T) {
	dir := t.TempDir()
	small(t, dir)
	_, v := keys(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, dir, v); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Verify(t.Context(), t.TempDir(), v); err == nil {
		t.Error("an empty directory is a trail")
	}
	if _, err := Verify(t.Context(), dir, nil); err == nil {
		t.Error("verified without a key")
	}
	long := t.TempDir()
	put(t, long, fileName(1), bytes.Repeat([]byte("x"), MaxLine+100_000))
	if p := broken(t, long); p.Line != 1 {
		t.Error(p)
	}
}

func TestProblemPrints(t *testing.T) {
	p := &DamageError{File: "audit-00000001.jsonl", Line: 7, Seq: 9, Damage: Removed, Text: "record 10 stands here"}
	if got := fmt.Sprint(p); got != "audit-00000001.jsonl:7: record 9: removed: record 10 stands here" {
		t.Error(got)
	}
}
