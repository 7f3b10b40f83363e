package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/disk"
)

var (
	errSubjectsRead  = fmt.Errorf("%w: the file of subjects cannot be read", core.ErrUnavailable)
	errSubjectsWrite = fmt.Errorf("%w: the file of subjects cannot be written", core.ErrUnavailable)
	errSubjectsGone  = fmt.Errorf("%w: the file of subjects is gone", core.ErrUnavailable)
)

// refresh reads the file again if it is another one than before: a subject that
// somebody else shredded must not be read on from memory. It needs mu.
func (s *Subjects) refresh() error {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.seen == nil:
		return nil // not begun
	case errors.Is(err, fs.ErrNotExist):
		return errSubjectsGone
	case err != nil:
		return errSubjectsRead
	}
	same := s.seen != nil && os.SameFile(info, s.seen)
	if same && info.Size() == s.seen.Size() && info.ModTime().Equal(s.seen.ModTime()) {
		return nil
	}
	if same && info.Size() > s.seen.Size() { // lines were added
		more, end, err := readSubjects(s.path, s.end)
		if err != nil {
			return err
		}
		maps.Copy(s.held, more)
		s.end, s.seen = end, info
		return nil
	}
	held, end, err := readSubjects(s.path, 0)
	if err != nil {
		return err
	}
	// A secret never becomes another one, so it may stay in memory while it is in
	// the file, under whichever key.
	maps.DeleteFunc(s.open, func(name, _ string) bool { return len(held[name].Secret) == 0 })
	// What was read may be more than info tells; then the next use reads again.
	s.held, s.end, s.seen = held, end, info
	return nil
}

// readSubjects reads the lines from a place on, and says where the last whole
// one ends.
func readSubjects(path string, from int64) (map[string]line, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, errSubjectsRead
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, from, math.MaxInt64-from))
	if err != nil {
		return nil, 0, errSubjectsRead
	}
	held := map[string]line{}
	for raw := range bytes.Lines(text) {
		if !bytes.HasSuffix(raw, []byte("\n")) {
			break // somebody is writing it, or a crash cut it short: nothing was encrypted with it
		}
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, 0, fmt.Errorf("%w: the file of subjects cannot be read", core.ErrIntegrity)
		}
		held[l.Subject] = l
		from += int64(len(raw))
	}
	return held, from, nil
}

// locked runs f while no other process writes the file, on what the file holds
// then. It needs mu.
func (s *Subjects) locked(ctx context.Context, f func() error) error {
	unlock, err := disk.Lock(ctx, s.path+".lock")
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errSubjectsWrite
	}
	defer unlock()
	if err := s.refresh(); err != nil {
		return err
	}
	return f()
}

// add appends lines and waits until they are on disk. It needs the lock.
func (s *Subjects) add(lines []line) (err error) {
	if len(lines) == 0 {
		return nil
	}
	text, err := encode(lines)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		// A crash may have left a part of a line.
		err = f.Truncate(s.end)
		if err == nil {
			_, err = f.Write(text)
		}
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return errSubjectsWrite
	}
	return nil
}

// replace writes the whole file anew. It needs the lock.
func (s *Subjects) replace(lines []line) error {
	text, err := encode(lines)
	if err != nil {
		return err
	}
	if err := replace(s.path, text, false); err != nil {
		return errSubjectsWrite
	}
	return nil
}

func encode(lines []line) ([]byte, error) {
	var b bytes.Buffer
	for _, l := range lines {
		text, err := json.Marshal(l)
		if err != nil {
			return nil, err
		}
		b.Write(append(text, '\n'))
	}
	return b.Bytes(), nil
}
