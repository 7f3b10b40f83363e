package kms_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/layers/crypto/kms"
)

// world is a key service that runs on this machine, with two keys.
type world struct {
	uri, other string
	opts       []kms.Option // for a caller who may use both keys
	denied     []kms.Option // for one who may not
	missing    string       // URI of a key that is not there
	secrets    []string     // what no error may repeat
	disable    func(t *testing.T)
	stop       func()
	missingIs  error // what the use of a missing key is
	foreign    error // what opening with the other key is
}

// worlds are the services; each test gets servers of its own.
func worlds() map[string]func(t *testing.T) *world {
	return map[string]func(t *testing.T) *world{"aws": awsWorld, "google": googleWorld, "vault": vaultWorld}
}

func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, start := range worlds() {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func open(t *testing.T, uri string, opts ...kms.Option) *kms.Service {
	t.Helper()
	s, err := kms.Open(t.Context(), uri, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// installed finds what "make kms-servers" puts into the cache folder. The test
// is skipped without it, or fails when METAXY_REQUIRE_SERVERS is set.
func installed(t *testing.T, path ...string) string {
	t.Helper()
	cache := os.Getenv("METAXY_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(dir, "metaxy")
	}
	program := filepath.Join(append([]string{cache, "kms"}, path...)...)
	_, err := os.Stat(program)
	switch {
	case errors.Is(err, fs.ErrNotExist) && os.Getenv("METAXY_REQUIRE_SERVERS") == "":
		t.Skipf("%s is not on this machine: make kms-servers brings it", strings.Join(path, "/"))
	case err != nil:
		t.Fatalf("%s is not on this machine: make kms-servers brings it", strings.Join(path, "/"))
	}
	return program
}

// freePort is a loopback address on which nothing listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// silent accepts connections and answers nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var held []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range held {
					_ = c.Close()
				}
				return
			}
			held = append(held, c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// process runs a server until the test ends or stop is called, and gives the
// first line that it prints, if it prints one.
func process(t *testing.T, wantLine bool, name string, args ...string) (line string, stop func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	in, err := cmd.StdinPipe() // held open: the server ends when it is closed
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = in.Close()
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(stop)
	if wantLine {
		if line, err = bufio.NewReader(out).ReadString('\n'); err != nil {
			stop()
			t.Fatalf("%s: %v: %s", filepath.Base(name), err, log.String())
		}
	}
	return line, stop
}

// reachable waits until something listens.
func reachable(t *testing.T, address string) {
	t.Helper()
	for range 400 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing listens on %s", address)
}

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}
