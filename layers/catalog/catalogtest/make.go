package catalogtest

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

const feature core.FeatureKey = "video/raw"

// at is an instant of the suite's own.
func at(minute int64) time.Time {
	return time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC).Add(time.Duration(minute) * time.Minute)
}

// commit is the nth commit of a feature.
func commit(seq, rows int64) core.Commit {
	return core.Commit{
		Seq: seq, ID: fmt.Sprintf("job-%d", seq), Rows: rows, Bytes: 100 * rows, Time: at(seq), FeatureVersion: "fv",
		Basis: core.Basis{"up/a": seq, "up/b": 7},
	}
}

// schema has types that need more than a name.
func schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "sample_id", Type: arrow.BinaryTypes.String},
		{Name: "taken", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "Europe/Berlin"}, Nullable: true},
		{Name: "boxes", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float32})), Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"audio", "frames"})},
	}, nil)
}

func info(key core.FeatureKey, generation int64) core.Info {
	return core.Info{
		Key: key, Schema: schema(), SchemaVersion: 1, ID: []string{"sample_id"}, Containers: []string{"audio", "frames"}, FeatureVersion: "fv",
		Generation: generation, Rows: 10 * generation, Bytes: 1000 * generation, Created: at(1), Modified: at(generation),
	}
}

// counts are versions of one container with their rows.
type counts map[string]int64

// versions makes what a layer hands over.
func versions(containers map[string]counts) catalog.Versions {
	var out catalog.Versions
	for _, name := range slices.Sorted(maps.Keys(containers)) {
		c := containers[name]
		v := catalog.ContainerVersions{Container: name, Distinct: int64(len(c)), Sorted: sorted(c)}
		for _, n := range c {
			v.Rows += n
		}
		out.Containers = append(out.Containers, v)
	}
	return out
}

// sorted reuses its slice, as the layer does.
func sorted(c counts) iter.Seq2[[]byte, int64] {
	return func(yield func([]byte, int64) bool) {
		var b []byte
		for _, v := range inOrder(maps.Keys(c)) {
			b = catalog.EncodeVersion(b[:0], v)
			if !yield(b, c[v]) {
				return
			}
		}
	}
}

// inOrder sorts versions by their encoded form.
func inOrder(vs iter.Seq[string]) []string {
	return slices.SortedFunc(vs, func(a, b string) int {
		return bytes.Compare(catalog.EncodeVersion(nil, a), catalog.EncodeVersion(nil, b))
	})
}

// register records a commit of rows with these versions in container frames.
func (e *env) register(key core.FeatureKey, c core.Commit, v counts) {
	e.Helper()
	e.must("register", e.c.RegisterMaterialization(e.ctx, catalog.Materialization{Key: key, Commit: c, Identity: "ada", Info: info(key, c.Seq)},
		versions(map[string]counts{"frames": v})))
}

func (e *env) entry(key core.FeatureKey) catalog.Entry {
	e.Helper()
	got, err := e.c.Entry(e.ctx, key)
	e.must("entry", err)
	return got
}

// has compares an answer; a mode that cannot tell may say maybe instead.
func (e *env) has(what string, want catalog.Presence, key core.FeatureKey, conditions ...catalog.Condition) {
	e.Helper()
	got, err := e.c.HasFeature(e.ctx, key, conditions...)
	e.must("has feature", err)
	if got != want {
		e.Errorf("%s: has %s is %d, want %d", what, key, got, want)
	}
}

// versioned weakens an answer about a version to what the mode can tell.
func (e *env) versioned(p catalog.Presence) catalog.Presence {
	switch {
	case e.cfg.Mode == catalog.Exact, e.cfg.Mode == catalog.Filter && p == catalog.No:
		return p
	}
	return catalog.Maybe
}

func (e *env) history(key core.FeatureKey) []catalog.Materialization {
	e.Helper()
	var out []catalog.Materialization
	for m, err := range e.c.History(e.ctx, key) {
		e.must("history", err)
		out = append(out, m)
	}
	return out
}

// counted lists the versions of a container as text.
func (e *env) counted(key core.FeatureKey, container string) []string {
	e.Helper()
	var out []string
	for v, err := range e.c.MaterializedVersions(e.ctx, key, container) {
		if e.cfg.Mode != catalog.Exact && errors.Is(err, core.ErrUnsupported) {
			return nil
		}
		e.must("versions", err)
		out = append(out, fmt.Sprintf("%s %d %s", v.Version, v.Rows, v.Last.UTC().Format(time.RFC3339Nano)))
	}
	return out
}

func (e *env) features(q catalog.Query) []core.FeatureKey {
	e.Helper()
	var out []core.FeatureKey
	for got, err := range e.c.Features(e.ctx, q) {
		e.must("features", err)
		out = append(out, got.Key)
	}
	return out
}

// state prints all that a catalog tells of a feature.
func (e *env) state(key core.FeatureKey) string {
	e.Helper()
	return describe(e.entry(key)) + fmt.Sprintf("%v\n%v\n%v", mats(e.history(key)), e.counted(key, "frames"), e.counted(key, "audio"))
}

func describe(x catalog.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s commits=%d through=%d generation=%d rows=%d last=%s mode=%d containers=%+v\n",
		x.Key, x.Commits, x.Through, x.Generation, x.Rows, x.Last.UTC(), x.Mode, x.Containers)
	for _, p := range slices.SortedFunc(slices.Values(x.Pending), func(a, b catalog.Intent) int { return strings.Compare(a.ID, b.ID) }) {
		fmt.Fprintf(&b, "pending %s %s %s\n", p.Key, p.ID, p.Begun.UTC())
	}
	i := x.Info
	fmt.Fprintf(&b, "info %s %v v%d %v %v %q g%d %d %d %s %s log=%d\n", i.Key, i.Schema, i.SchemaVersion, i.ID, i.Containers, i.FeatureVersion,
		i.Generation, i.Rows, i.Bytes, i.Created.UTC(), i.Modified.UTC(), len(i.Log))
	return b.String()
}

func mats(ms []catalog.Materialization) []string {
	var out []string
	for _, m := range ms {
		c := m.Commit
		out = append(out, fmt.Sprintf("%s %d %q %d %d %s %q %t %v by %q", m.Key, c.Seq, c.ID, c.Rows, c.Bytes, c.Time.UTC(), c.FeatureVersion, c.Tombstones, c.Basis, m.Identity))
	}
	return out
}
