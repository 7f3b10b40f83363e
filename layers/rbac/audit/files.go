package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/disk"
)

// fileName gives audit-00000001.jsonl for 1.
func fileName(number int) string { return fmt.Sprintf("audit-%08d.jsonl", number) }

func fileNumber(name string) (int, bool) {
	var n int
	if _, err := fmt.Sscanf(name, "audit-%d.jsonl", &n); err != nil || n < 1 || fileName(n) != name {
		return 0, false
	}
	return n, true
}

func (l *Log) path(number int) string { return filepath.Join(l.dir, fileName(number)) }

// files lists the numbers of the files in a directory, in order.
func files(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n, ok := fileNumber(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// lock keeps a second writer out of the directory: two would write two chains
// into one file.
func lock(dir string) (unlock func(), err error) {
	unlock, err = disk.TryLock(filepath.Join(dir, ".lock"))
	if errors.Is(err, disk.ErrHeld) {
		return nil, fmt.Errorf("%w: another process writes the trail in %s", core.ErrUnavailable, dir)
	}
	return unlock, err
}

// openFile opens a regular file for reading: a pipe or a device under a
// trail's name would be read for ever.
func openFile(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no regular file", core.ErrIntegrity, info.Name())
	}
	return os.Open(path)
}

// lines reads lines of at most MaxLine.
type lines struct {
	r    *bufio.Reader
	long []byte
}

var errLong = fmt.Errorf("%w: a line of more than %d bytes", core.ErrIntegrity, MaxLine)

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 1<<16)} }

// next gives a line without its line feed, and whether it had one. The line is
// good until the next call.
func (l *lines) next() (line []byte, whole bool, err error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		switch {
		case err == nil:
			part = part[:len(part)-1]
			if len(l.long) == 0 {
				return part, true, nil
			}
			return append(l.long, part...), true, nil
		case errors.Is(err, bufio.ErrBufferFull):
			if l.long = append(l.long, part...); len(l.long) > MaxLine {
				return bytes.Clone(l.long[:80]), false, errLong
			}
		case errors.Is(err, io.EOF) && len(l.long)+len(part) > 0:
			return append(l.long, part...), false, nil
		default:
			return nil, false, err
		}
	}
}
