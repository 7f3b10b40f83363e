//go:build unix

package audit

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestKilled ends a writing process in the middle, again and again: everything
// that Record had acknowledged is there, and the trail goes on.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("AUDIT_TEST_WRITER"); dir != "" {
		l := open(t, dir, MaxBytes(20_000), CheckpointEvery(10, 1<<40))
		for i := 0; ; i++ {
			record(t, l, i, i+1)
			fmt.Println("recorded", l.Head().Seq)
		}
	}
	dir := t.TempDir()
	var seq int64
	for round := range 5 {
		writer := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		writer.Env = append(os.Environ(), "AUDIT_TEST_WRITER="+dir)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		for lines, n := bufio.NewScanner(out), 0; n < 40+round && lines.Scan(); n++ {
			if text, ok := strings.CutPrefix(lines.Text(), "recorded "); ok {
				if seq, err = strconv.ParseInt(text, 10, 64); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = writer.Process.Kill()
		_ = writer.Wait()
		if r := verified(t, dir, Live()); r.Head.Seq < seq || len(r.Recoveries) != round {
			t.Fatalf("record %d was acknowledged: %+v", seq, r)
		}
	}
	closed(t, open(t, dir))
	if r := verified(t, dir); len(r.Recoveries) != 5 {
		t.Errorf("%+v", r)
	}
}
