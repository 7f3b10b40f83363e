package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// VerifyOption sets a choice of [Verify].
type VerifyOption func(*verifying)

type verifying struct {
	live, partial bool
	holds         []Head
}

// Live accepts a trail that is still being written, or whose writer crashed:
// one that does not end with the checkpoint of a Close. Report.Unsigned says how
// much of it no signature covers yet.
func Live() VerifyOption { return func(v *verifying) { v.live = true } }

// Partial accepts a trail whose first files were moved elsewhere.
func Partial() VerifyOption { return func(v *verifying) { v.partial = true } }

// Holds demands that the trail has this record. A head that was kept where who
// can write the trail cannot (see [Anchor]) proves that nothing before it was
// cut off, and that the trail was not replaced by an older copy of itself.
func Holds(h Head) VerifyOption {
	return func(v *verifying) { v.holds = append(v.holds, h) }
}

// Verify reads a trail, a directory or one file of it, and returns what it saw.
// When a record is not as it was written, the error is the [DamageError] that the
// report names too. Other errors are those of reading, and of the context.
func Verify(ctx context.Context, path string, key Verifier, opts ...VerifyOption) (Report, error) {
	c, err := newChecker(key, opts)
	if err != nil {
		return Report{}, err
	}
	paths, err := trailFiles(path)
	if err != nil {
		return Report{}, err
	}
	if err := c.files(ctx, paths); err != nil {
		return c.report, err
	}
	return c.done()
}

// trailFiles gives the files of a trail in order.
func trailFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	numbers, err := files(path)
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("audit: %w: there is no trail in %s", core.ErrInvalid, path)
	}
	var paths []string
	for _, n := range numbers {
		paths = append(paths, filepath.Join(path, fileName(n)))
	}
	return paths, nil
}

// checker follows a chain record by record.
type checker struct {
	verifying
	key    Verifier
	report Report
	number int // of the file before
	file   string
	line   int
}

func newChecker(key Verifier, opts []VerifyOption) (*checker, error) {
	if key == nil {
		return nil, fmt.Errorf("audit: %w: verifying needs the public key", core.ErrInvalid)
	}
	c := &checker{key: key}
	for _, set := range opts {
		if set != nil {
			set(&c.verifying)
		}
	}
	return c, nil
}

func (c *checker) files(ctx context.Context, paths []string) error {
	for i, path := range paths {
		if err := c.read(ctx, path, i == len(paths)-1); err != nil {
			var p *DamageError
			if errors.As(err, &p) {
				c.report.Broken = p
			}
			return err
		}
	}
	return nil
}

func (c *checker) read(ctx context.Context, path string, last bool) error {
	f, err := openFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.lines(ctx, filepath.Base(path), f, last)
}

// lines checks the lines of one file.
func (c *checker) lines(ctx context.Context, name string, f io.Reader, last bool) error {
	c.file, c.line = name, 0
	c.report.Files++
	number, ok := fileNumber(c.file)
	if ok && c.number > 0 && number != c.number+1 {
		return c.problem(Removed, "%s is missing", fileName(c.number+1))
	}
	for in := newLines(f); ; {
		raw, whole, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, errLong) {
			return err
		}
		if c.line++; c.line%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || !whole {
			if last && err == nil && c.live && c.line > 1 {
				c.report.Cut = int64(len(raw))
				break
			}
			if last {
				return c.problem(Truncated, "the line does not end")
			}
			return c.problem(Edited, "the line does not end")
		}
		if err := c.check(raw, number, in); err != nil {
			return err
		}
	}
	if c.line == 0 {
		return c.problem(Truncated, "the file is empty")
	}
	c.number = number
	return ctx.Err()
}

// check takes the next line. ahead gives those behind it, to tell one kind of
// damage from another.
func (c *checker) check(raw []byte, number int, ahead *lines) error {
	r, signed, err := parse(raw)
	if err != nil {
		return c.problem(Edited, "%s", err.Error())
	}
	if p := c.place(r, number, ahead); p != nil {
		return p
	}
	if r.Kind == KindCheckpoint {
		if err := c.key.Verify(r.Checkpoint.Sig, append([]byte(signing), signed...)); err != nil {
			return c.problem(BadSignature, "%d records since the last good checkpoint may be forged", c.report.Unsigned)
		}
		if r.Checkpoint.Chain != c.report.Chain {
			return c.problem(Inserted, "the checkpoint is of another trail")
		}
	}
	c.count(r)
	return nil
}

// place checks that r is the record that comes next.
func (c *checker) place(r Record, number int, ahead *lines) error {
	first := c.report.Records == 0
	want := c.report.Head
	switch {
	case c.line == 1 && r.Kind != KindLink:
		return c.problem(Removed, "a file begins with its link")
	case c.line > 1 && r.Kind == KindLink:
		return c.problem(Inserted, "a link in the middle of a file")
	case r.Kind == KindLink && number > 0 && r.Link.File != number:
		return c.problem(Reordered, "this is file %d under another name", r.Link.File)
	case first && r.Kind == KindLink:
		if !c.partial && (r.Seq != 1 || r.Prev != Digest{} || r.Link.File > 1) {
			return c.problem(Removed, "the trail begins with record %d", r.Seq)
		}
		c.report.Chain = r.Link.Chain
		return nil
	case r.Seq == want.Seq+1 && r.Prev == want.Hash:
		if r.Kind == KindLink && r.Link.Chain != c.report.Chain {
			return c.problem(Inserted, "the file is of another trail")
		}
		return nil
	}
	return c.misplaced(r, ahead)
}

func (c *checker) count(r Record) {
	c.report.Records++
	c.report.Head = Head{r.Seq, r.Hash}
	c.report.Unsigned++
	c.report.Closed = false
	switch r.Kind {
	case KindEvent:
		c.report.Events++
	case KindRecovery:
		c.report.Recoveries = append(c.report.Recoveries, r)
	case KindCheckpoint:
		c.report.Checkpoints++
		c.report.Unsigned = 0
		c.report.Closed = r.Checkpoint.Reason == ReasonClose
	case KindLink:
	}
	c.holds = slices.DeleteFunc(c.holds, func(h Head) bool { return h == c.report.Head })
}

// done judges the end.
func (c *checker) done() (Report, error) {
	var p *DamageError
	c.line++
	switch {
	case len(c.holds) > 0 && c.holds[0].Seq > c.report.Head.Seq:
		p = c.problem(Truncated, "record %d is known to have been written", c.holds[0].Seq)
	case len(c.holds) > 0:
		p = c.problem(Edited, "record %d is not the one that is known to have been written", c.holds[0].Seq)
		p.Seq, p.Line = c.holds[0].Seq, 0
	case !c.report.Closed && !c.live:
		p = c.problem(Truncated, "the trail was not closed: %d records after the last checkpoint, and some may be missing", c.report.Unsigned)
	default:
		return c.report, nil
	}
	c.report.Broken = p
	return c.report, p
}

func (c *checker) problem(d Damage, format string, args ...any) *DamageError {
	return &DamageError{File: c.file, Line: c.line, Seq: c.report.Head.Seq + 1, Damage: d, Text: fmt.Sprintf(format, args...)}
}
