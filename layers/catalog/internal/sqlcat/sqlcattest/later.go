package sqlcattest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// largeRows make a run that is merged in the background; fullLevel of them are.
const (
	largeRows = 5000
	fullLevel = 8
)

// KillsLater kills a process in the work that registrations leave for later, and
// in Drop: at every step of merging runs, of dropping a feature and of sweeping
// what is dead. What the next process finds is whole, and it can go on.
func KillsLater(t *testing.T, open Opener, place string) {
	t.Helper()
	for _, step := range []string{"merging", "merged", "dropping", "sweeping"} {
		died := int64(0)
		for diedAt(t, open, place, step, died+1) {
			died++
		}
		if died == 0 {
			t.Errorf("no process died in %s: the step is not announced", step)
		}
		t.Logf("%s: killed at %d steps", step, died)
	}
}

// diedAt reports whether there was an nth step to die at.
func diedAt(t *testing.T, open Opener, place, step string, n int64) bool {
	t.Helper()
	ctx, key := t.Context(), laterKey(step, n)
	c, err := open(ctx, place, nil)
	if err != nil {
		t.Fatal(err)
	}
	for seq := int64(1); seq < fullLevel; seq++ {
		large(ctx, t, c, key, seq)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := child(step, n, 0, place).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Exited()) {
		t.Fatalf("%s, step %d: %v: %s", step, n, err, out)
	}
	if c, e := open(ctx, place, nil); e != nil {
		t.Fatalf("after dying in %s: %v", step, e)
	} else if e := errors.Join(goesOn(ctx, t, c, key, step), c.Close()); e != nil {
		t.Errorf("after dying at step %d of %s: %v", n, step, e)
	}
	return err != nil
}

// goesOn checks what a process left, and does more with it.
func goesOn(ctx context.Context, t *testing.T, c catalog.Catalog, key core.FeatureKey, step string) error {
	t.Helper()
	e, err := c.Entry(ctx, key)
	if err != nil {
		return err
	}
	want := int64(fullLevel)
	if step == "sweeping" || step == "dropping" && !e.Known() {
		want = 0
	}
	if want > 0 {
		if err := Whole(ctx, c, key, want, largeRows); err != nil {
			return err
		}
	} else if err := gone(ctx, c, key); err != nil {
		return err
	}
	if step == "sweeping" || step == "dropping" {
		if err := c.Drop(ctx, key); err != nil {
			return err
		}
		want = 0
	}
	for range 2 {
		want++
		large(ctx, t, c, key, want)
	}
	return Whole(ctx, c, key, want, largeRows)
}

func gone(ctx context.Context, c catalog.Catalog, key core.FeatureKey) error {
	for v, err := range c.MaterializedVersions(ctx, key, Container) {
		return fmt.Errorf("version %.8s of a feature that was dropped, %w", v.Version, err)
	}
	p, err := c.HasFeature(ctx, key)
	if err == nil && p != catalog.No {
		err = fmt.Errorf("%v for a feature that was dropped", p)
	}
	return err
}

func laterKey(step string, n int64) core.FeatureKey {
	return core.FeatureKey(fmt.Sprintf("killed/%s%d", step, n))
}

func large(ctx context.Context, t *testing.T, c catalog.Catalog, key core.FeatureKey, seq int64) {
	t.Helper()
	if err := c.RegisterMaterialization(ctx, Commit(key, seq, largeRows), Fresh(largeRows, uint64(seq))); err != nil { //nolint:gosec // positive
		t.Fatal(err)
	}
}

// diesIn fills a level of runs, drops the feature where that is asked for, waits
// until the background is quiet, and dies at the nth step of a name.
func diesIn(name string) func(open Opener, place string, at, _ int64) error {
	return func(open Opener, place string, at, _ int64) error {
		ctx, key := context.Background(), laterKey(name, at)
		var seen, last atomic.Int64
		c, err := open(ctx, place, func(step string) {
			last.Store(time.Now().UnixNano())
			if step == name && seen.Add(1) == at {
				die()
			}
		})
		if err != nil {
			return err
		}
		if err := c.RegisterMaterialization(ctx, Commit(key, fullLevel, largeRows), Fresh(largeRows, fullLevel)); err != nil {
			return err
		}
		if name == "dropping" || name == "sweeping" {
			if err := c.Drop(ctx, key); err != nil {
				return err
			}
		}
		for time.Since(time.Unix(0, last.Load())) < 300*time.Millisecond {
			time.Sleep(20 * time.Millisecond)
		}
		return c.Close()
	}
}
