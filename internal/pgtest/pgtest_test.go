package pgtest_test

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/internal/pgtest"
)

// TestStart: two calls give two databases of one server, and leave no goroutine.
func TestStart(t *testing.T) {
	defer goleak.VerifyNone(t)
	a, b := pgtest.Start(t), pgtest.Start(t)
	if a == b {
		t.Fatal("two tests share a database")
	}
	if host(t, a) != host(t, b) {
		t.Errorf("two servers: %s and %s", host(t, a), host(t, b))
	}
	pgtest.Run(t, a, "CREATE TABLE only_here (n int)")
	pgtest.Run(t, b, "CREATE TABLE only_here (n int)")
}

// TestEnds: a server ends when the process that started it is killed.
func TestEnds(t *testing.T) {
	if os.Getenv("PGTEST_CHILD") != "" {
		os.Stdout.WriteString("url " + pgtest.Start(t) + "\n")
		time.Sleep(time.Minute) // until it is killed
	}
	if os.Getenv(pgtest.EnvURL) != "" {
		t.Skipf("%s is set: no server is started here", pgtest.EnvURL)
	}
	pgtest.Start(t) // says why when there is no server to be had
	child := exec.Command(os.Args[0], "-test.run=^TestEnds$", "-test.v")
	child.Env = append(os.Environ(), "PGTEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var at string
	for lines := bufio.NewScanner(out); at == "" && lines.Scan(); {
		at, _ = strings.CutPrefix(lines.Text(), "url ")
		if !strings.HasPrefix(at, "postgres:") {
			at = ""
		}
	}
	if at == "" {
		t.Fatal("the child started no server")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", host(t, at))
		if err != nil {
			return
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server outlives the process that started it")
		}
	}
}

func host(t *testing.T, at string) string {
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
