package storetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// The environment of the child process of property P2.
const (
	crashDir  = "METAXY_STORETEST_CRASH_DIR"
	crashTest = "METAXY_STORETEST_CRASH_TEST"
	crashMode = "METAXY_STORETEST_CRASH_MODE"
)

const crashRows = 300 // rows a commit, in three batches

// crashChild is what Run does in the child process: it writes commits, says
// after each that it was acknowledged, and waits to be killed.
func (c Config) crashChild(t *testing.T) bool {
	dir := os.Getenv(crashDir)
	if dir == "" || os.Getenv(crashTest) != t.Name() || c.Kill == nil {
		return false
	}
	t.Helper()
	s := c.Kill(t, dir)
	for i := 0; ; i++ {
		stop := os.Getenv(crashMode) == "midway" && i == 3
		commit, err := s.Write(t.Context(), core.WriteRequest{Plan: plan(KeyVideo), ID: fmt.Sprintf("commit-%d", i), Rows: crashSource(i, stop)})
		if err != nil {
			t.Fatalf("write in the child: %v", err)
		}
		fmt.Printf("acked %d\n", commit.Seq)
	}
}

// crashSource gives commit i; when stop it waits for the kill after two batches.
func crashSource(i int, stop bool) core.Rows {
	return core.Rows{Schema: VideoSchema(), Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for part := range 3 {
			rows := make([][]any, crashRows/3)
			for r := range rows {
				rows[r] = video(fmt.Sprintf("c%d-%d-%d", i, part, r), i)
			}
			if stop && part == 2 {
				fmt.Println("midway")
				select {} // killed here
			}
			if !yield(Batch(goAllocator, VideoSchema(), rows...), nil) {
				return
			}
		}
	}}
}

// p2 kills the child once while it is certainly inside a Write, and a few times
// while it is anywhere, then opens what is left.
func p2(e *env) {
	for round, mode := range []string{"midway", "anywhere", "anywhere", "anywhere"} {
		dir := e.TempDir()
		acked := killChild(e, dir, mode, 2+3*round)
		s := e.cfg.Kill(e.tb(), dir)
		func() {
			defer func() { e.must("close after a crash", s.Close()) }()
			info := e.stat(s, KeyVideo)
			if info.Generation < acked {
				e.Errorf("%s: %d commits were acknowledged, %d are there after the crash", mode, acked, info.Generation)
			}
			if mode == "midway" && info.Generation != 3 {
				e.Errorf("killed inside the fourth write: %d commits are there, want 3", info.Generation)
			}
			count := map[string]int{}
			for _, l := range e.read(s, core.ReadRequest{Key: KeyVideo, History: true, Columns: []string{core.ColCommit}}) {
				count[field(l, core.ColCommit)]++
			}
			if int64(len(count)) != info.Generation || int64(len(info.Log)) != info.Generation {
				e.Errorf("%s: rows of %d commits and a log of %d, the generation is %d", mode, len(count), len(info.Log), info.Generation)
			}
			for seq, n := range count {
				if n != crashRows {
					e.Errorf("%s: commit %s has %d of its %d rows", mode, seq, n, crashRows)
				}
			}
			// The write that was cut short can be repeated; one that was done is not doubled.
			for _, i := range []int64{info.Generation - 1, info.Generation} {
				c := e.write(s, core.WriteRequest{Plan: plan(KeyVideo), ID: fmt.Sprintf("commit-%d", i), Rows: crashSource(int(i), false)})
				if c.Seq != i+1 || c.Rows != crashRows {
					e.Errorf("%s: writing commit-%d again gave commit %d of %d rows, want %d of %d", mode, i, c.Seq, c.Rows, i+1, crashRows)
				}
			}
		}()
	}
}

// killChild runs this very test in a child process and kills it: after the
// given number of acknowledged commits, or midway in the fourth write.
func killChild(e *env, dir, mode string, after int) (acked int64) {
	run := strings.TrimSuffix(e.Name(), "/Reopen/P2_kill_in_mid_write_leaves_all_or_none")
	pattern := "^" + strings.ReplaceAll(run, "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.count=1", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashMode+"="+mode,
		crashTest+"="+run)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	e.must("pipe", err)
	e.must("start the child", cmd.Start())
	var tail []string
	lines := bufio.NewScanner(out)
	reached := false
	for lines.Scan() {
		tail = append(tail, lines.Text())
		if n, ok := strings.CutPrefix(lines.Text(), "acked "); ok {
			acked, _ = strconv.ParseInt(n, 10, 64)
		}
		if mode == "midway" && lines.Text() == "midway" || mode != "midway" && acked >= int64(after) {
			reached = true
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !reached {
		e.Fatalf("the child ended by itself:\n%s", strings.Join(tail, "\n"))
	}
	return acked
}
