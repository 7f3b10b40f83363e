// Package pgtest gives tests a PostgreSQL of their own.
//
// [Start] finds the server's programs on this machine, makes a cluster in a
// temporary folder, serves it on the loopback interface and creates an empty
// database for each call. A process starts at most one server of a kind; it
// ends with the process, also when that is killed. With METAXY_TEST_POSTGRES
// set to the URL of a running server (as a user who may create databases) that
// one is used and nothing is started.
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// Variables of the environment that tests obey.
const (
	// EnvURL names a running server to use in place of one started here.
	EnvURL = "METAXY_TEST_POSTGRES"
	// EnvRequire makes a missing server a failure in place of a skip.
	EnvRequire = "METAXY_REQUIRE_SERVERS"
)

// errMissing marks a machine without the server's programs.
var errMissing = errors.New("PostgreSQL's programs (initdb, pg_ctl, psql) are not on this machine; " +
	"apt-get install postgresql brings them, make test-servers does it for you")

// Option changes how the server runs.
type Option func(*kind)

// Durable makes the server flush every commit to the disk, as a real one does.
// Without it the server does not survive a crash of the machine, which no
// ordinary test needs, and is much faster.
func Durable() Option { return func(k *kind) { k.durable = true } }

// kind is what tells two servers of a process apart.
type kind struct{ durable bool }

// Start gives the connection URL of a new, empty database, which is dropped
// when the test ends. Without PostgreSQL on this machine the test is skipped,
// or fails when METAXY_REQUIRE_SERVERS is set.
func Start(tb testing.TB, opts ...Option) string {
	tb.Helper()
	var k kind
	for _, o := range opts {
		o(&k)
	}
	base := os.Getenv(EnvURL)
	if base == "" {
		srv, err := started.get(k)
		switch {
		case errors.Is(err, errMissing) && os.Getenv(EnvRequire) == "":
			tb.Skip(err)
		case err != nil:
			tb.Fatal(err)
		}
		base = srv.url
	}
	at, name, err := database(base)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := run(base, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Errorf("dropping the test's database: %v", err)
		}
	})
	return at
}

// Run executes one SQL statement on the database at a URL, with psql. It is
// for tests that play another user of the database.
func Run(tb testing.TB, url, statement string) {
	tb.Helper()
	if err := run(url, statement); err != nil {
		tb.Fatal(err)
	}
}

// database creates an empty database beside the one that base names.
func database(base string) (at, name string, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", "", fmt.Errorf("%s is no URL", EnvURL) // the error would repeat the password
	}
	b := make([]byte, 8)
	rand.Read(b)
	name = "metaxy_test_" + hex.EncodeToString(b)
	if err := run(base, "CREATE DATABASE "+name); err != nil {
		return "", "", err
	}
	u.Path = "/" + name
	return u.String(), name, nil
}

func run(at, statement string) error {
	psql, err := program("psql")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", at, "-c", statement).CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}

// started holds this process's servers. They are shared because each costs a
// second to make, and outlive every test, so no test can own one.
var started servers

type servers struct {
	mu   sync.Mutex
	made map[kind]*server
	errs map[kind]error
}

func (s *servers) get(k kind) (*server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if srv, err := s.made[k], s.errs[k]; srv != nil || err != nil {
		return srv, err
	}
	srv, err := serve(k)
	if s.made == nil {
		s.made, s.errs = map[kind]*server{}, map[kind]error{}
	}
	s.made[k], s.errs[k] = srv, err
	return srv, err
}
