package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

func events(t testing.TB, seq iter.Seq2[Record, error]) (out []rbac.Event) {
	t.Helper()
	for r, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r.Event)
	}
	return out
}

func TestSearchAndTail(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, MaxBytes(5000), CheckpointEvery(7, time.Hour))
	record(t, l, 0, 100)
	for name, c := range map[string]struct {
		q    Query
		want func(rbac.Event) bool
	}{
		"all":      {Query{}, func(rbac.Event) bool { return true }},
		"identity": {Query{Identity: "user:bob"}, func(e rbac.Event) bool { return e.Identity == "user:bob" }},
		"op":       {Query{Ops: []core.Op{core.OpWrite, core.OpList}}, func(e rbac.Event) bool { return e.Op == core.OpWrite || e.Op == core.OpList }},
		"feature":  {Query{Feature: "audio/"}, func(e rbac.Event) bool { return e.Feature == "audio/raw" }},
		"time": {Query{From: event(20).Time, To: event(40).Time}, func(e rbac.Event) bool {
			return !e.Time.Before(event(20).Time) && e.Time.Before(event(40).Time)
		}},
		"outcome":  {Query{Outcome: "ok"}, func(e rbac.Event) bool { return e.Outcome == "ok" }},
		"decision": {Query{Decision: rbac.Deny}, func(e rbac.Event) bool { return e.Decision == rbac.Deny }},
		"part":     {Query{Part: rbac.PartOutcome}, func(e rbac.Event) bool { return e.Part == rbac.PartOutcome }},
		"several":  {Query{Identity: "user:bob", Ops: []core.Op{core.OpRead}}, func(e rbac.Event) bool { return e.Identity == "user:bob" && e.Op == core.OpRead }},
		"nothing":  {Query{Identity: "user:eve"}, func(rbac.Event) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for i := range 100 {
				if e := event(i); c.want(e) {
					want = append(want, fmt.Sprint(e))
				}
			}
			same := func(what string, got []rbac.Event, want []string) {
				t.Helper()
				if !slices.EqualFunc(got, want, func(e rbac.Event, s string) bool { return fmt.Sprint(e) == s }) {
					t.Errorf("%s: %d events, want %d", what, len(got), len(want))
				}
			}
			same("search", events(t, Search(t.Context(), dir, c.q)), want)
			same("tail", events(t, Tail(t.Context(), dir, c.q)), want[max(0, len(want)-10):])
			for _, n := range []int{1, 3, 50, 1000} {
				q := c.q
				q.Limit = n
				same("limited search", events(t, Search(t.Context(), dir, q)), want[:min(n, len(want))])
				same("limited tail", events(t, Tail(t.Context(), dir, q)), want[max(0, len(want)-n):])
			}
		})
	}
	for range Search(t.Context(), dir, Query{}) {
		break
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, dir, MaxBytes(2000))
		record(t, l, 0, 3)
		ctx, cancel := context.WithCancel(t.Context())
		var got []int64
		done := make(chan error)
		go func() {
			for r, err := range Follow(ctx, dir, Query{}, time.Second) {
				if err != nil {
					done <- err
					return
				}
				got = append(got, r.Event.Time.Unix())
			}
		}()
		for i := 3; i < 20; i++ {
			record(t, l, i, i+1)
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Second)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if len(got) != 20 || !slices.IsSorted(got) {
			t.Errorf("%v", got)
		}
		closed(t, l)
	})
}

func TestSearchMeetsDamage(t *testing.T) {
	dir := t.TempDir()
	whole := small(t, dir)
	name := fileName(2)
	put(t, dir, name, bytes.Replace(whole[name], []byte("user:"), []byte("root:"), 1))
	for what, seq := range map[string]iter.Seq2[Record, error]{
		"search": Search(t.Context(), dir, Query{}), "tail": Tail(t.Context(), dir, Query{Limit: 100}),
		"follow": Follow(t.Context(), dir, Query{}, time.Hour), "missing": Search(t.Context(), dir+"/none", Query{}),
	} {
		var last error
		for _, err := range seq {
			last = err
		}
		if last == nil || what != "missing" && !errors.Is(last, core.ErrIntegrity) {
			t.Errorf("%s: %v", what, last)
		}
	}
}
