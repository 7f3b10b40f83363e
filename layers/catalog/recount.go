package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// recount compares the commit log and the versions of all rows. A commit that
// comes in between makes it start again.
func (s *store) recount(ctx context.Context, key core.FeatureKey, pace *pacer) (f Finding, rows int64, err error) {
	for range 3 {
		info, err := s.next.Stat(ctx, core.StatRequest{Key: key, Commits: -1})
		if err != nil {
			return Finding{}, rows, err
		}
		missing, err := s.missing(ctx, info, nil)
		if errors.Is(err, core.ErrConflict) {
			return Finding{Key: key, Kind: Different, Text: "its commits are not those of the store"}, rows, nil
		}
		if err != nil {
			return Finding{}, rows, err
		}
		if len(missing) > 0 {
			return Finding{Key: key, Kind: Stale, Text: fmt.Sprintf("%d commits are not registered", len(missing))}, rows, nil
		}
		if f, err := s.recountLog(ctx, info); f.Kind != 0 || err != nil {
			return f, rows, err
		}
		text, n, err := s.recountRows(ctx, info, pace)
		rows += n
		if err != nil {
			return Finding{}, rows, err
		}
		f = Finding{Key: key, Kind: Different, Text: text}
		if text == "" {
			return Finding{}, rows, nil
		}
		e, err := s.keeper.cat.Entry(ctx, key)
		if err != nil || e.Generation == info.Generation {
			return f, rows, err
		}
	}
	return f, rows, nil
}

// recountRows says what differs, or "".
func (s *store) recountRows(ctx context.Context, info core.Info, pace *pacer) (string, int64, error) {
	t := newTally(s.keeper.options.spill, s.keeper.options.spillDir)
	defer t.close()
	rows, err := s.tallyRows(ctx, t, info, 1, info.Generation, false, pace)
	if err != nil {
		return "", rows, err
	}
	want, err := t.versions(0)
	if err != nil {
		return "", rows, err
	}
	e, err := s.keeper.cat.Entry(ctx, info.Key)
	if err != nil {
		return "", rows, err
	}
	have := map[string]ContainerCount{}
	for _, c := range e.Containers {
		if c.Rows > 0 {
			have[c.Container] = c
		}
	}
	for _, v := range want.Containers {
		c := have[v.Container]
		delete(have, v.Container)
		if c.Rows != v.Rows || c.Versions >= 0 && c.Versions != v.Distinct {
			return fmt.Sprintf("container %s: %d rows of %d versions, registered are %d of %d", v.Container, v.Rows, v.Distinct, c.Rows, c.Versions), rows, nil
		}
		same, err := s.sameVersions(ctx, info.Key, v)
		if err != nil {
			return "", rows, err
		}
		if !same {
			return fmt.Sprintf("container %s: other versions are registered", v.Container), rows, nil
		}
	}
	for name := range have {
		return fmt.Sprintf("container %s is registered and holds no row", name), rows, nil
	}
	return "", rows, nil
}

// sameVersions compares two sorted sequences. A catalog that keeps no exact
// versions must at least not deny one that is there.
func (s *store) sameVersions(ctx context.Context, key core.FeatureKey, want ContainerVersions) (bool, error) {
	next, stop := iter.Pull2(s.keeper.cat.MaterializedVersions(ctx, key, want.Container))
	defer stop()
	var buf []byte
	for version, rows := range want.Sorted {
		got, err, ok := next()
		if errors.Is(err, core.ErrUnsupported) {
			return s.deniesNone(ctx, key, want)
		}
		if err != nil {
			return false, err
		}
		if buf = EncodeVersion(buf[:0], got.Version); !ok || string(buf) != string(version) || got.Rows != rows {
			return false, nil
		}
	}
	_, err, more := next()
	if errors.Is(err, core.ErrUnsupported) {
		err, more = nil, false
	}
	return !more, err
}

func (s *store) deniesNone(ctx context.Context, key core.FeatureKey, want ContainerVersions) (bool, error) {
	for version := range want.Sorted {
		text, ok := DecodeVersion(version)
		if !ok {
			return false, nil
		}
		p, err := s.keeper.cat.HasFeature(ctx, key, InContainer(want.Container), WithVersion(text))
		if err != nil || p == No {
			return false, err
		}
	}
	return true, nil
}

// recountLog compares what the catalog adds up of the commits, and what it tells
// of them and of the feature.
func (s *store) recountLog(ctx context.Context, info core.Info) (Finding, error) {
	is := func(k Kind, format string, args ...any) Finding {
		return Finding{Key: info.Key, Kind: k, Text: fmt.Sprintf(format, args...)}
	}
	held := bySeq(info.Log)
	for m, err := range s.keeper.cat.History(ctx, info.Key) {
		if err != nil {
			return Finding{}, err
		}
		c, ok := held[m.Commit.Seq]
		if ok && (c.Bytes != m.Commit.Bytes || c.FeatureVersion != m.Commit.FeatureVersion || !maps.Equal(c.Basis, m.Commit.Basis)) {
			return is(Different, "commit %d: its size, feature version or basis is registered as another", c.Seq), nil
		}
	}
	e, err := s.keeper.cat.Entry(ctx, info.Key)
	if err != nil || e.Generation != info.Generation {
		return Finding{}, err // something came in between
	}
	var rows int64
	var last Time
	for _, c := range info.Log {
		if last = c.Time; !c.Tombstones {
			rows += c.Rows
		}
	}
	switch {
	case e.Commits != int64(len(info.Log)) || e.Rows != rows:
		return is(Different, "%d commits of %d rows, counted are %d of %d", len(info.Log), rows, e.Commits, e.Rows), nil
	case !sameTime(e.Last, last):
		return is(Different, "its last commit was at %s, kept is %s", last.UTC().Format(time.RFC3339Nano), e.Last.UTC().Format(time.RFC3339Nano)), nil
	}
	if what := describes(e.Info, info); what != "" {
		return is(Stale, "another %s is described", what), nil
	}
	return Finding{}, nil
}

// describes says what of a description is not the feature's, or "".
func describes(there, info core.Info) string {
	switch {
	case outdated(there, info):
		return "" // told by lists, or a change of the schema came in between
	case there.FeatureVersion != info.FeatureVersion:
		return "feature version"
	case there.Bytes != info.Bytes:
		return "number of bytes"
	case there.Rows != info.Rows && info.Rows >= 0:
		return "number of samples"
	case !slices.Equal(there.ID, info.ID), !slices.Equal(there.Containers, info.Containers):
		return "set of id columns or containers"
	case !sameTime(there.Created, info.Created), !sameTime(there.Modified, info.Modified):
		return "time"
	case (there.Schema == nil) != (info.Schema == nil), info.Schema != nil && !there.Schema.Equal(info.Schema):
		return "schema"
	}
	return ""
}

// sameTime compares what catalogs keep of a time.
func sameTime(a, b Time) bool {
	return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}
