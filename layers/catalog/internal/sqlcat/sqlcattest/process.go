package sqlcattest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// Opener opens the catalog at a place, told of steps.
type Opener func(ctx context.Context, place string, step func(string)) (catalog.Catalog, error)

// The environment of a child: what it does, where, and its number.
const envChild = "METAXY_CATALOG_CHILD"

// Child does what this process was started for; a driver's TestMain asks first,
// and ends the process where it is a child.
func Child(open Opener) (is bool, err error) {
	parts := strings.SplitN(os.Getenv(envChild), " ", 4)
	if len(parts) != 4 {
		return false, nil
	}
	number, _ := strconv.ParseInt(parts[1], 10, 64)
	times, _ := strconv.ParseInt(parts[2], 10, 64)
	do := register
	switch parts[0] {
	case "register":
	case "killed":
		do = killed
	default:
		do = diesIn(parts[0])
	}
	return true, do(open, parts[3], number, times)
}

func child(what string, number, times int64, place string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^$") //nolint:noctx // it ends by itself
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %s", envChild, what, number, times, place))
	return cmd
}

const killedRows = 3000

// killed registers a commit and dies at the given step.
func killed(open Opener, place string, at, seq int64) error {
	n := int64(0)
	ctx := context.Background()
	c, err := open(ctx, place, func(string) {
		if n++; n == at {
			die()
		}
	})
	if err != nil {
		return err
	}
	if err := c.RegisterMaterialization(ctx, Commit("killed/feature", seq, killedRows), Fresh(killedRows, uint64(seq))); err != nil { //nolint:gosec // positive
		return err
	}
	return c.Close()
}

// die ends the process as a crash would.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		_ = self.Kill()
	}
	time.Sleep(time.Minute)
}

// Kills kills a process at every step of a registration: what it left is all of
// the commit or nothing, and registering it again gives the whole.
func Kills(t *testing.T, open Opener, place string) {
	t.Helper()
	ctx := t.Context()
	died, seq := 0, int64(0)
	for step := int64(1); ; step++ {
		seq++
		out, err := child("killed", step, seq, place).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Exited()) {
			t.Fatalf("step %d: %v: %s", step, err, out)
		}
		c, e := open(ctx, place, nil)
		if e != nil {
			t.Fatalf("after dying at step %d: %v", step, e)
		}
		before := seq - 1
		if p, err := c.Entry(ctx, "killed/feature"); err != nil {
			t.Fatal(err)
		} else if p.Commits == seq {
			before = seq
		}
		if err := Whole(ctx, c, "killed/feature", before, killedRows); err != nil {
			t.Errorf("after dying at step %d: %v", step, err)
		}
		if err := c.RegisterMaterialization(ctx, Commit("killed/feature", seq, killedRows), Fresh(killedRows, uint64(seq))); err != nil { //nolint:gosec // positive
			t.Fatal(err)
		}
		if err := Whole(ctx, c, "killed/feature", seq, killedRows); err != nil {
			t.Errorf("after registering again: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			break // it came to its end
		}
		died++
	}
	if died < 5 {
		t.Errorf("the process died at %d steps: the steps are not announced", died)
	}
	t.Logf("killed at %d steps", died)
}

// register makes commits of a feature of its own, and of one that all share.
func register(open Opener, place string, number, times int64) error {
	ctx := context.Background()
	c, err := open(ctx, place, nil)
	if err != nil {
		return err
	}
	own := core.FeatureKey(fmt.Sprintf("process/p%d", number))
	for i := range times {
		if err := c.RegisterMaterialization(ctx, Commit(own, i+1, 10), Fresh(10, uint64(number*10_000+i))); err != nil { //nolint:gosec // positive
			return err
		}
		seq := number*times + i + 1
		if err := c.RegisterMaterialization(ctx, Commit("process/shared", seq, 10), Fresh(10, uint64(10_000_000+seq))); err != nil { //nolint:gosec // positive
			return err
		}
		if p, err := c.HasFeature(ctx, own); err != nil || p != catalog.Yes {
			return fmt.Errorf("what was just registered is not there: %v, %w", p, err)
		}
	}
	return c.Close()
}

// Processes lets processes register at the same time: nothing is lost, nobody
// sees an error. It says how many registrations a second that made.
func Processes(t *testing.T, open Opener, place string, processes, times int64) {
	t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for n := range processes {
		all.Go(func() {
			if out, err := child("register", n, times, place).CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", n, err, out)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	ctx := t.Context()
	c, err := open(ctx, place, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for n := range processes {
		if err := Whole(ctx, c, core.FeatureKey(fmt.Sprintf("process/p%d", n)), times, 10); err != nil {
			t.Errorf("process %d: %v", n, err)
		}
	}
	if err := Whole(ctx, c, "process/shared", processes*times, 10); err != nil {
		t.Errorf("shared: %v", err)
	}
	if e, err := c.Entry(ctx, "process/shared"); err != nil || !e.Settled() {
		t.Errorf("through %d of %d, %v", e.Through, e.Generation, err)
	}
	t.Logf("%d processes, %d registrations: %v, %.0f a second", processes, 2*processes*times, took, float64(2*processes*times)/took.Seconds())
}
