package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/metaxy-go/metaxy/core"
)

// reopen finds the end of the trail on the disk and opens the last file there.
// A cut last line is removed. Unless the trail had been closed, a recovery
// record then tells what happened. It needs mu, and changes nothing of the
// Log's own until it has succeeded.
func (l *Log) reopen() error {
	numbers, err := files(l.dir)
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		if l.at.Seq > 0 {
			return fmt.Errorf("%w: the files of the trail are gone", core.ErrIntegrity)
		}
		return l.create(place{file: 1})
	}
	last := numbers[len(numbers)-1]
	from := place{file: last}
	if l.safe.file == last {
		from = l.safe
	}
	end, err := scan(l.path(last), from, l.at.Head)
	if err != nil {
		return err
	}
	r := Recovery{Cut: end.cut.bytes, Digest: end.cut.digest, Refused: l.refused}
	if end.size == 0 && last > 1 {
		if end, err = l.before(last); err != nil {
			return err
		}
	}
	r.Lost = max(0, l.at.Seq-end.Seq)
	if r.Unsigned, err = l.vouch(end); err != nil {
		return err
	}
	if end.file != last {
		end.file, end.size, end.closed = last, 0, false
	}
	if r.Cut > 0 {
		if err := os.Truncate(l.path(last), end.size); err != nil {
			return err
		}
	}
	f, err := l.o.open(l.path(last), os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return err
	}
	first := l.at.Seq == 0 // this is Open
	kept, refused := l.at, l.refused
	l.f, l.at = f, end.place
	switch {
	case end.size == 0:
		err = l.first(end.place, r)
	case first && end.closed:
		l.safe, l.synced = end.place, end.Seq
	default:
		w := l.begin()
		w.recovery(l.o.clock(), r)
		err = l.settle(w)
	}
	if err != nil {
		l.at, l.refused = kept, refused
		return err
	}
	l.refused, l.left = 0, 0
	return nil
}

// before finds where a file without a whole first line has to go on: behind the
// file before it.
func (l *Log) before(number int) (found, error) {
	end, err := scan(l.path(number-1), place{file: number - 1}, l.at.Head)
	if err == nil && (end.size == 0 || end.cut.bytes > 0) {
		err = fmt.Errorf("%w: %s ends in the middle", core.ErrIntegrity, fileName(number-1))
	}
	return end, err
}

// found is what scan saw.
type found struct {
	place         // behind the last whole line
	cut    cut    // what stands there
	link   Record // the first line, when it was read
	mark   Record // the last checkpoint, if there was one
	signed []byte // what it signed
	news   int    // events behind the record that was known
}

// cut is what stands behind the last whole line.
type cut struct {
	bytes  int64
	digest Digest
}

// scan reads a file from a place on, up to its last whole line. Only the end of
// a file can be cut: a bad line that is followed by another is
// core.ErrIntegrity, and so is another record in the place of the known one.
func scan(path string, from place, known Head) (found, error) {
	at := found{place: from}
	f, err := openFile(path)
	if err != nil {
		return at, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return at, err
	}
	if info.Size() < from.size {
		return at, fmt.Errorf("%w: %s has %d bytes, it had %d", core.ErrIntegrity, fileName(from.file), info.Size(), from.size)
	}
	if _, err := f.Seek(from.size, io.SeekStart); err != nil {
		return at, err
	}
	for lines := newLines(f); ; {
		line, whole, err := lines.next()
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil && !errors.Is(err, errLong) {
			return at, err
		}
		if err != nil || !whole || line[0] == 0 {
			at.cut, err = rest(f, at.place)
			return at, err
		}
		if err := at.take(line, known); err != nil {
			return at, fmt.Errorf("%s, after record %d: %w", fileName(at.file), at.Seq, err)
		}
	}
}

// take moves behind a line.
func (at *found) take(line []byte, known Head) error {
	r, signed, err := parse(line)
	if err != nil {
		return err
	}
	if known.Seq > 0 && !known.allows(r, at.size == 0) {
		return fmt.Errorf("%w: record %d is not the one that was written", core.ErrIntegrity, known.Seq)
	}
	if err := at.follow(r, at.size == 0); err != nil {
		return err
	}
	switch {
	case at.size == 0:
		at.link = r
	case r.Kind == KindCheckpoint:
		at.mark, at.signed = r, bytes.Clone(signed)
	case r.Kind == KindEvent && r.Seq > known.Seq:
		at.news++
	}
	at.size += int64(len(line)) + 1
	return nil
}

// allows reports whether a record, or the first of a file, can stand where it
// does when the head is in the trail.
func (h Head) allows(r Record, first bool) bool {
	switch r.Seq {
	case h.Seq:
		return r.Hash == h.Hash
	case h.Seq + 1:
		return r.Prev == h.Hash
	}
	return r.Seq < h.Seq || !first
}

// follow moves behind a record when it is the one that comes next. The first
// of a file may come from anywhere.
func (p *place) follow(r Record, first bool) error {
	switch {
	case first && r.Kind != KindLink:
		return fmt.Errorf("%w: a file begins with its link", core.ErrIntegrity)
	case first && r.Link.File != p.file:
		return fmt.Errorf("%w: this is file %d under another name", core.ErrIntegrity, r.Link.File)
	case !first && (r.Seq != p.Seq+1 || r.Prev != p.Hash):
		return fmt.Errorf("%w: record %d does not follow", core.ErrIntegrity, r.Seq)
	}
	if first {
		p.chain = r.Link.Chain
	}
	p.Head = Head{r.Seq, r.Hash}
	p.unsigned++
	p.closed = false
	switch r.Kind {
	case KindEvent:
		p.events++
	case KindCheckpoint:
		p.unsigned, p.events, p.closed = 0, 0, r.Checkpoint.Reason == ReasonClose
	case KindLink, KindRecovery:
	}
	return nil
}

// rest measures what a crash left behind the last whole line: a part of one, or
// the zeros of blocks that never reached the disk.
func rest(f *os.File, at place) (cut, error) {
	if _, err := f.Seek(at.size, io.SeekStart); err != nil {
		return cut{}, err
	}
	sum := sha256.New()
	c := cut{}
	buf := make([]byte, 1<<16)
	ended, other := false, false // a line feed was seen; something else than zeros too
	for {
		n, err := f.Read(buf)
		for _, b := range buf[:n] {
			ended = ended || b == '\n'
			other = other || b != 0
		}
		sum.Write(buf[:n])
		c.bytes += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return cut{}, err
		}
	}
	if ended && other {
		return cut{}, fmt.Errorf("%w: %s, after record %d: lines that no trail writes", core.ErrIntegrity, fileName(at.file), at.Seq)
	}
	sum.Sum(c.digest[:0])
	return c, nil
}
