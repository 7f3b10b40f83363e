package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Query selects events; a zero field selects everything.
type Query struct {
	Identity string    // exactly
	Ops      []core.Op // one of them; 0 is a change of the policy
	Feature  string    // a prefix of the key, such as "video/"
	From, To time.Time // From itself is in, To is not
	Decision string    // rbac.Allow or rbac.Deny
	Outcome  string    // such as "ok" or "denied"
	Part     string    // such as rbac.PartDecision
	Since    int64     // records after this one
	Limit    int       // so many; Tail gives the last ones, Search the first
}

// Matches reports whether r is an event that the query selects.
func (q Query) Matches(r Record) bool {
	e := r.Event
	return r.Kind == KindEvent && r.Seq > q.Since &&
		(q.Identity == "" || q.Identity == e.Identity) &&
		(q.Decision == "" || q.Decision == e.Decision) &&
		(q.Outcome == "" || q.Outcome == e.Outcome) &&
		(q.Part == "" || q.Part == e.Part) &&
		(len(q.Ops) == 0 || slices.Contains(q.Ops, e.Op)) &&
		strings.HasPrefix(string(e.Feature), q.Feature) &&
		(q.From.IsZero() || !r.Time.Before(q.From)) && (q.To.IsZero() || r.Time.Before(q.To))
}

// Search yields the events of a trail, a directory or one file of it, in the
// order in which they were recorded. A line that is damaged ends it with
// core.ErrIntegrity; whether the lines are the ones that were written is for
// [Verify] to say. The last line of a trail that is being written may be cut:
// it is left out.
func Search(ctx context.Context, path string, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		paths, err := trailFiles(path)
		if err != nil {
			yield(Record{}, err)
			return
		}
		n := 0
		for _, p := range paths {
			for r, err := range recordsOf(ctx, p, 0) {
				if err == nil && !q.Matches(r.Record) {
					continue
				}
				n++
				if !yield(r.Record, err) || err != nil || n == q.Limit {
					return
				}
			}
		}
	}
}

// Tail yields the last events that match, as many as Query.Limit (10 when it is
// 0), oldest first. It reads from the last file back only as far as it has to.
func Tail(ctx context.Context, path string, q Query) iter.Seq2[Record, error] {
	limit := q.Limit
	if limit <= 0 {
		limit = 10
	}
	return func(yield func(Record, error) bool) {
		paths, err := trailFiles(path)
		if err != nil {
			yield(Record{}, err)
			return
		}
		var last []Record
		for i := len(paths) - 1; i >= 0 && len(last) < limit; i-- {
			var here []Record
			for r, err := range recordsOf(ctx, paths[i], 0) {
				if err != nil {
					yield(Record{}, err)
					return
				}
				if !q.Matches(r.Record) {
					continue
				}
				if here = append(here, r.Record); len(here) >= 2*limit {
					here = append(here[:0], here[len(here)-limit:]...)
				}
			}
			here = here[max(0, len(here)+len(last)-limit):]
			last = append(here, last...)
		}
		for _, r := range last {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Follow yields the events that match and goes on waiting for more, until the
// context ends, whose error comes last. It looks every interval (a second when
// it is 0).
func Follow(ctx context.Context, dir string, q Query, interval time.Duration) iter.Seq2[Record, error] {
	if interval <= 0 {
		interval = time.Second
	}
	return func(yield func(Record, error) bool) {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		at := spot{}
		for {
			if !at.forward(ctx, dir, q, yield) {
				return
			}
			select {
			case <-ctx.Done():
				yield(Record{}, ctx.Err())
				return
			case <-ticker.C:
			}
		}
	}
}

// spot is how far Follow has read.
type spot struct {
	file   int
	offset int64
}

// forward yields what is new, and reports whether to go on.
func (s *spot) forward(ctx context.Context, dir string, q Query, yield func(Record, error) bool) bool {
	numbers, err := files(dir)
	if err != nil {
		yield(Record{}, err)
		return false
	}
	for _, n := range numbers {
		if n < s.file {
			continue
		}
		if n > s.file {
			*s = spot{file: n}
		}
		for r, err := range recordsOf(ctx, filepath.Join(dir, fileName(n)), s.offset) {
			if err != nil {
				yield(Record{}, err)
				return false
			}
			s.offset = r.end
			if q.Matches(r.Record) && !yield(r.Record, nil) {
				return false
			}
		}
	}
	return true
}

type located struct {
	Record
	end int64 // where the next line begins
}

// recordsOf yields every record of a file from an offset on.
func recordsOf(ctx context.Context, path string, offset int64) iter.Seq2[located, error] {
	return func(yield func(located, error) bool) {
		f, err := openFile(path)
		if err == nil {
			defer f.Close()
			_, err = f.Seek(offset, io.SeekStart)
		}
		if err != nil {
			yield(located{}, err)
			return
		}
		in := newLines(f)
		for n := 1; ; n++ {
			line, whole, err := in.next()
			if errors.Is(err, io.EOF) || err == nil && !whole {
				return
			}
			if err == nil && n%1024 == 0 {
				err = ctx.Err()
			}
			var r Record
			if err == nil {
				offset += int64(len(line)) + 1
				r, _, err = parse(line)
			}
			if err != nil {
				yield(located{}, fmt.Errorf("%s, byte %d: %w", filepath.Base(path), offset, err))
				return
			}
			if !yield(located{r, offset}, nil) {
				return
			}
		}
	}
}
