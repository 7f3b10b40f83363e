package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/metaxy-go/metaxy/core"
)

func listProperties() []property {
	return []property{
		{code: "L1", name: "key_order_and_prefix", run: l1, why: "tools page through features and merge lists of several stores"},
		{code: "L2", name: "an_error_is_the_last_element", run: l2, why: "a list that goes on after an error hides that it is incomplete"},
		{code: "L3", name: "stat_equals_what_is_read", run: l3, why: "a plan is made from Stat without reading rows"},
		{code: "L4", name: "writes_during_list", run: l4, why: "a long list and a busy store happen together"},
	}
}

// simple makes a root feature of one container.
func simple(key string) *core.Plan {
	g, err := core.NewGraph(core.NewFeature(key))
	if err != nil {
		panic(fmt.Sprintf("storetest: %v", err))
	}
	return planIn(g, core.FeatureKey(key))
}

func (e *env) writeSimple(s core.Store, key string, ids ...string) core.Commit {
	e.Helper()
	var rows [][]any
	for _, id := range ids {
		rows = append(rows, []any{id, []any{"v-" + id}})
	}
	return e.write(s, core.WriteRequest{Plan: simple(key), Rows: e.rows(versionSchema([]string{"sample_id"}, "default"), rows...)})
}

func (e *env) list(s core.Store, req core.ListRequest) []string {
	e.Helper()
	var keys []string
	for info, err := range s.List(e.ctx(), req) {
		if err != nil {
			e.Fatalf("list: %v", err)
		}
		keys = append(keys, string(info.Key))
	}
	return keys
}

func l1(e *env) {
	s := e.store()
	if got := e.list(s, core.ListRequest{}); len(got) != 0 {
		e.Errorf("an empty store lists %v", got)
	}
	// "-" < "/" < "0" < "_" < "a" bytewise, which is where orders differ.
	keys := []string{"b", "a/b", "a_b", "a-b", "a", "a/b/c", "a0", "_x", "z/9", "a/b-c", "a/b_c", "ab"}
	for i, key := range keys {
		e.writeSimple(s, key, "x")
		if i%3 == 0 {
			e.writeSimple(s, key, "y")
		}
	}
	want := slices.Sorted(slices.Values(keys))
	if got := e.list(s, core.ListRequest{}); !slices.Equal(got, want) {
		e.Errorf("list gives %v, want %v", got, want)
	}
	for _, prefix := range []string{"a", "a/", "a/b", "z/9", "_", "zz", "A", "%", "a_", "a-", "../", "a/b/c/d"} {
		var want []string
		for _, k := range slices.Sorted(slices.Values(keys)) {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		if got := e.list(s, core.ListRequest{Prefix: prefix}); !slices.Equal(got, want) {
			e.Errorf("list of prefix %q gives %v, want %v", prefix, got, want)
		}
		if got := e.list(s, core.ListRequest{Prefix: prefix, Local: true}); !slices.Equal(got, want) {
			e.Errorf("local list of prefix %q gives %v, want %v", prefix, got, want)
		}
	}
	for range s.List(e.ctx(), core.ListRequest{}) {
		break // an early end is allowed
	}
}

func l2(e *env) {
	s := e.store()
	for _, key := range []string{"a", "b", "c"} {
		e.writeSimple(s, key, "x")
	}
	ctx, cancel := cancelable(e)
	defer cancel()
	seen, failed := 0, false
	for info, err := range s.List(ctx, core.ListRequest{}) {
		if failed {
			e.Error("an element comes after the error")
		}
		if err != nil {
			failed = true
			if info.Key != "" {
				e.Errorf("the error comes with feature %s", info.Key)
			}
			e.is("a list cancelled on the way", err, errCanceled)
			continue
		}
		if seen++; seen == 1 {
			cancel()
		}
	}
	if !failed && seen != 3 {
		e.Errorf("a list that was cut short after %d of 3 features says so with no error", seen)
	}
	cancelled := 0
	for _, err := range s.List(ctx, core.ListRequest{}) {
		e.is("a list with a context that has ended", err, errCanceled)
		cancelled++
	}
	if cancelled != 1 {
		e.Errorf("a list with a context that has ended yields %d elements, want one error", cancelled)
	}
}

func l3(e *env) {
	s := e.store()
	for i, step := range []func(){
		func() { e.writeVideos(s, videos(0, 7)...) },
		func() { e.writeVideos(s, videos(3, 12)...) },
		func() { e.retire(s, KeyVideo, "s000", "s005", "never") },
		func() { e.retire(s, KeyVideo, "s000") },
		func() { e.writeVideos(s) },
		func() { e.writeVideos(s, video("s005", 1), video("never", 2)) },
	} {
		step()
		info := e.stat(s, KeyVideo)
		if n := int64(len(e.read(s, core.ReadRequest{Key: KeyVideo}))); info.Rows != n && info.Rows != -1 {
			e.Errorf("after step %d stat counts %d rows, a read gives %d", i+1, info.Rows, n)
		}
		l3Info(e, info, int64(i+1))
		for listed, err := range s.List(e.ctx(), core.ListRequest{}) {
			if err != nil {
				e.Fatal(err)
			}
			listed.Log, info.Log = nil, nil
			if infoLine(listed) != infoLine(info) {
				e.Errorf("list says %s, stat says %s", infoLine(listed), infoLine(info))
			}
		}
	}
	for commits, want := range map[int]int{0: 0, 1: 1, 4: 4, 100: 6, -1: 6} {
		info, err := s.Stat(e.ctx(), core.StatRequest{Key: KeyVideo, Commits: commits})
		if err != nil || len(info.Log) != want {
			e.Errorf("stat with %d commits: %d in the log (%v), want %d", commits, len(info.Log), err, want)
		} else if want > 0 && info.Log[want-1].Seq != 6 {
			e.Errorf("stat with %d commits: the log ends with commit %d, want the last one, 6", commits, info.Log[want-1].Seq)
		}
	}
	_, err := s.Stat(e.ctx(), core.StatRequest{Key: KeyVideo, Commits: -2})
	e.is("stat with -2 commits", err, core.ErrInvalid)
	basis := core.Basis{KeyLabel: 3}
	e.write(s, core.WriteRequest{Plan: plan(KeyVideo), Rows: e.rows(VideoSchema(), video("b", 1)), Basis: basis})
	if got := e.stat(s, KeyVideo).Log[6].Basis; len(got) != 1 || got[KeyLabel] != 3 {
		e.Errorf("the log keeps basis %v, want %v", got, basis)
	}
}

func l3Info(e *env, info core.Info, generation int64) {
	if info.Key != KeyVideo || info.Generation != generation || info.Origin != "" || info.SchemaVersion != 1 {
		e.Errorf("stat says %s, want generation %d, schema version 1, no origin", infoLine(info), generation)
	}
	if !slices.Equal(info.ID, []string{"sample_id"}) || !slices.Equal(info.Containers, []string{"frames", "audio"}) {
		e.Errorf("stat says ids %v and containers %v", info.ID, info.Containers)
	}
	if info.FeatureVersion != plan(KeyVideo).Version || info.Schema == nil || !core.SameColumns(info.Schema, VideoSchema()) {
		e.Errorf("stat says feature version %q and schema %v", info.FeatureVersion, info.Schema)
	}
	rows, bytes := int64(0), int64(0)
	for _, c := range info.Log {
		rows, bytes = rows+c.Rows, bytes+c.Bytes
	}
	if info.Bytes != bytes || bytes <= 0 {
		e.Errorf("stat says %d bytes, the log adds up to %d", info.Bytes, bytes)
	}
	if info.Created.IsZero() || info.Modified.Before(info.Created) || !info.Modified.Equal(info.Log[len(info.Log)-1].Time) {
		e.Errorf("created %v, modified %v, last commit %v", info.Created, info.Modified, info.Log[len(info.Log)-1].Time)
	}
}

// infoLine is what two answers about a feature are compared by.
func infoLine(i core.Info) string {
	fields := "none"
	if i.Schema != nil {
		fields = fmt.Sprint(i.Schema.Fields())
	}
	return fmt.Sprintf("%s schema %d %s ids %v containers %v version %.8s generation %d rows %d origin %q", i.Key, i.SchemaVersion, fields,
		i.ID, i.Containers, i.FeatureVersion, i.Generation, i.Rows, i.Origin)
}

func l4(e *env) {
	s := e.store()
	for i := range 10 {
		e.writeSimple(s, fmt.Sprintf("f%d", i), "x")
	}
	// Written from within the loop: a lock that List holds would show here.
	var seen []string
	for info, err := range s.List(e.ctx(), core.ListRequest{}) {
		if err != nil {
			e.Fatal(err)
		}
		seen = append(seen, string(info.Key))
		e.writeSimple(s, fmt.Sprintf("f%d/new", len(seen)), "y")
		e.writeSimple(s, string(info.Key), "z")
		if len(seen) > 1000 {
			e.Fatal("the list never ends: it follows the writes of its own reader")
		}
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
		e.Errorf("a list during writes gives %v, want each feature once, in order", seen)
	}
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for w := range 2 {
		wg.Go(func() {
			for i := range 10 {
				b := Batch(goAllocator, versionSchema([]string{"sample_id"}, "default"), []any{"x", []any{"v"}})
				if _, err := s.Write(e.ctx(), core.WriteRequest{Plan: simple(fmt.Sprintf("g%d/k%d", w, i)), Rows: core.RowsOf(b.Schema(), b)}); err != nil {
					errs <- err
					return
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				var keys []string
				for info, err := range s.List(e.ctx(), core.ListRequest{}) {
					if err != nil {
						errs <- err
						return
					}
					keys = append(keys, string(info.Key))
				}
				if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
					errs <- errors.New("a list during writes is out of order or has a feature twice")
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		e.Error(err)
	}
}
