//go:build cgo && duckdb_arrow && unix

package duckdb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
)

// The test binary runs again as another process when this names what it shall do there.
const childJob = "METAXY_DUCKDB_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childJob); job != "" {
		if err := child(job); err != nil {
			fmt.Println("error", sentinelOf(err), err)
		}
		return
	}
	os.Exit(m.Run())
}

// child does "verb path".
func child(job string) error {
	verb, path, _ := strings.Cut(job, " ")
	ctx := context.Background()
	var opts []duckdb.Option
	if strings.HasSuffix(verb, "ro") {
		opts = append(opts, duckdb.ReadOnly())
	}
	switch verb {
	case "hold", "holdro": // until standard input ends
		s, err := duckdb.Open(ctx, path, opts...)
		if err != nil {
			return err
		}
		fmt.Println("open", os.Getpid())
		_, _ = io.Copy(io.Discard, os.Stdin)
		return s.Close()
	case "count", "countro":
		s, err := duckdb.Open(ctx, path, opts...)
		if err != nil {
			return err
		}
		info, err := s.Stat(ctx, core.StatRequest{Key: "root"})
		fmt.Println("rows", info.Rows)
		return errors.Join(err, s.Close())
	case "full": // the file may not grow beyond a megabyte: what a full disk does
		signal.Ignore(syscall.SIGXFSZ)
		s, err := duckdb.Open(ctx, path, duckdb.MemoryLimit(256<<20), duckdb.Threads(1))
		if err != nil {
			return err
		}
		g, err := simpleGraph()
		if err != nil {
			return err
		}
		plan, err := g.Plan("root")
		if err != nil {
			return err
		}
		if _, err := s.Write(ctx, core.WriteRequest{Plan: plan, Rows: rootRows(0, 1000, "a")}); err != nil {
			return fmt.Errorf("first: %w", err)
		}
		size := uint64(1 << 20)
		if info, err := os.Stat(path); err == nil {
			size += uint64(info.Size())
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}); err != nil {
			return err
		}
		_, err = s.Write(ctx, core.WriteRequest{Plan: plan, Rows: rootRows(0, 600_000, "b")})
		_ = s.Close() // cannot write its checkpoint either
		return err
	}
	return fmt.Errorf("unknown job %q", verb)
}

func sentinelOf(err error) string {
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return s.Error()
		}
	}
	return "none"
}

type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func start(t *testing.T, job string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childJob+"="+job)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *process) line() string {
	p.out.Scan()
	return p.out.Text()
}

func (p *process) stop() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

func TestLocksBetweenProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	s := mustOpen(t, path)
	write(t, s, "root", rootRows(0, 3, "v"))
	closeStore(t, s)

	holder := start(t, "hold "+path)
	pid := strings.TrimPrefix(holder.line(), "open ")
	for _, opts := range [][]duckdb.Option{nil, {duckdb.ReadOnly()}} {
		_, err := duckdb.Open(t.Context(), path, opts...)
		if !errors.Is(err, core.ErrUnavailable) || !strings.Contains(err.Error(), "PID "+pid) || !strings.Contains(err.Error(), filepath.Base(os.Args[0])) {
			t.Errorf("opening a locked database: %v, want ErrUnavailable that names the process %s", err, pid)
		}
	}
	holder.stop()

	readers := []*process{start(t, "holdro "+path), start(t, "holdro "+path)}
	for _, r := range readers {
		if l := r.line(); !strings.HasPrefix(l, "open") {
			t.Fatalf("a second reader: %s", l)
		}
	}
	ro := mustOpen(t, path, duckdb.ReadOnly())
	if info, err := ro.Stat(t.Context(), core.StatRequest{Key: "root"}); err != nil || info.Rows != 3 {
		t.Errorf("the third reader sees %d rows, %v", info.Rows, err)
	}
	closeStore(t, ro)
	if l := start(t, "count "+path).line(); !strings.HasPrefix(l, "error "+core.ErrUnavailable.Error()) {
		t.Errorf("a writer beside readers: %s, want ErrUnavailable", l)
	}
}

func TestFullDiskLeavesNothingHalfWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	line := start(t, "full "+path).line()
	if !strings.HasPrefix(line, "error "+core.ErrUnavailable.Error()) || !strings.Contains(line, "disk") {
		t.Errorf("writing to a full disk: %s, want ErrUnavailable that says so", line)
	}
	s := mustOpen(t, path)
	defer closeStore(t, s)
	info, err := s.Stat(t.Context(), core.StatRequest{Key: "root", Commits: -1})
	if err != nil || info.Rows != 1000 || info.Generation != 1 || len(info.Log) != 1 {
		t.Fatalf("after a full disk: %d rows of %d commits, %v", info.Rows, info.Generation, err)
	}
	if n := count(t, s, core.ReadRequest{Key: "root", History: true}); n != 1000 {
		t.Errorf("after a full disk: %d rows in the history, want 1000", n)
	}
	write(t, s, "root", rootRows(500, 2000, "c"))
	if n := count(t, s, core.ReadRequest{Key: "root"}); n != 2000 {
		t.Errorf("after a full disk and another write: %d rows, want 2000", n)
	}
}

func TestUnwritablePlace(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() == 0 {
		dir = "/sys" // refuses files to everybody
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := duckdb.Open(t.Context(), filepath.Join(dir, "metaxy-test-"+strconv.Itoa(os.Getpid())+".duckdb"))
	if !errors.Is(err, core.ErrReadOnly) {
		t.Errorf("a database where nothing can be written: %v, want ErrReadOnly", err)
	}
}
