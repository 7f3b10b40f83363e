// Package filescan lists the files of a folder and hashes their content.
package filescan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sync/errgroup"
)

// File is a regular file. Path is relative to the folder, with slashes.
type File struct {
	Path     string
	Size     int64
	Modified time.Time // UTC, to the microsecond
	Hash     string    // lowercase hex SHA-256 of the content, "" before Hash
}

// Filter says which files count. A pattern without a slash is for the file's
// name, any other for its path; ** stands for any folders.
type Filter struct {
	Include []string // none means all
	Exclude []string
	Hidden  bool // files and folders whose name begins with a dot
}

// Check reports a malformed pattern.
func (f Filter) Check() error {
	for _, list := range [][]string{f.Include, f.Exclude} {
		for _, p := range list {
			if !doublestar.ValidatePattern(p) {
				return fmt.Errorf("malformed pattern %q", p)
			}
		}
	}
	return nil
}

// Match reports whether a path, with slashes, counts.
func (f Filter) Match(name string) bool {
	if !f.Hidden {
		for part := range strings.SplitSeq(name, "/") {
			if strings.HasPrefix(part, ".") {
				return false
			}
		}
	}
	return (len(f.Include) == 0 || matches(f.Include, name)) && !matches(f.Exclude, name)
}

func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		subject := name
		if !strings.Contains(p, "/") {
			subject = path.Base(name)
		}
		if doublestar.MatchUnvalidated(p, subject) {
			return true
		}
	}
	return false
}

// NameError is about a file whose path is not UTF-8, which no sample's id can be.
type NameError struct {
	Path    string
	Pattern string // excludes it
}

func (e *NameError) Error() string { return fmt.Sprintf("%q: the name is not UTF-8", e.Path) }

// patternOf matches a path of which a pattern cannot have every byte.
func patternOf(name string) string {
	var b strings.Builder
	for _, r := range name { // a byte that is none of a rune's is a RuneError
		switch {
		case r == utf8.RuneError:
			b.WriteByte('?')
		case strings.ContainsRune(`*?[]{}\`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// List walks the folder. Symbolic links are not followed, and only regular
// files are listed, in the order of their paths.
func List(ctx context.Context, dir string, f Filter) ([]File, error) {
	var files []File
	err := filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if at == dir {
			if !d.IsDir() {
				return fmt.Errorf("%s is no folder", dir)
			}
			return nil
		}
		if d.IsDir() && !f.Hidden && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !d.Type().IsRegular() || !f.Match(name) {
			return nil
		}
		if !utf8.ValidString(name) {
			return &NameError{Path: at, Pattern: patternOf(name)}
		}
		info, err := d.Info()
		if os.IsNotExist(err) {
			return nil // gone since the folder was read
		}
		if err != nil {
			return err
		}
		files = append(files, File{Path: name, Size: info.Size(), Modified: info.ModTime().UTC().Truncate(time.Microsecond)})
		return nil
	})
	return files, err
}

// Hash fills in the hashes that are missing, several files at a time. Progress,
// which may be nil, is told of bytes as they are read and must be safe for
// concurrent use. The size becomes what was hashed.
func Hash(ctx context.Context, dir string, files []File, progress func(int64)) error {
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		if files[i].Hash != "" {
			continue
		}
		if each.Err() != nil {
			break
		}
		g.Go(func() error {
			sum, n, err := hash(each, filepath.Join(dir, filepath.FromSlash(files[i].Path)), progress)
			files[i].Hash, files[i].Size = sum, n
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func hash(ctx context.Context, name string, progress func(int64)) (string, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, &watched{ctx, f, progress})
	if err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// watched stops with its context and tells how much was read.
type watched struct {
	ctx      context.Context
	r        io.Reader
	progress func(int64)
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.r.Read(p)
	if w.progress != nil && n > 0 {
		w.progress(int64(n))
	}
	return n, err
}
