package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// server is a running cluster. Its hold is the writing end of a pipe: when this
// process ends, in whatever way, the system closes it, and the shell at the
// other end stops the server and removes its folder.
type server struct {
	url  string
	hold *os.File
}

// patience is how long a server may take to make and to start.
const patience = 2 * time.Minute

// keeper makes the cluster, serves it, says so and waits for the end of its
// standard input. $1 is the cluster's folder, $2 the port, $3 more settings,
// $4 the programs' folder.
const keeper = `
"$4/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$1/log" 2>&1 &&
"$4/pg_ctl" start -w -D "$1/data" -l "$1/log" -o "-p $2 $3" >>"$1/log" 2>&1 && echo ready
read -r end
"$4/pg_ctl" stop -m immediate -D "$1/data" >>"$1/log" 2>&1
rm -rf "$1"
`

func serve(k kind) (*server, error) {
	initdb, err := program("initdb")
	if err != nil {
		return nil, err
	}
	if _, err := program("psql"); err != nil {
		return nil, err
	}
	var problems []error
	for range 3 { // somebody else may take the port between our look and the server's
		srv, err := launch(k, filepath.Dir(initdb))
		if err == nil {
			return srv, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(problems...)
}

func launch(k kind, programs string) (_ *server, err error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	attributes, err := unprivileged(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	settings := "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 -c shared_buffers=128MB -c log_min_messages=warning"
	if !k.durable {
		settings += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
	}
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, said, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, hold.Close())
	}
	defer out.Close()
	//nolint:noctx // it outlives every test and ends with the process
	cmd := exec.Command("/bin/sh", "-c", keeper, "pgtest", dir, fmt.Sprint(port), settings, programs)
	cmd.Stdin, cmd.Stdout, cmd.Dir, cmd.SysProcAttr = in, said, dir, attributes
	err = cmd.Start()
	said.Close()
	if err != nil {
		return nil, errors.Join(err, hold.Close(), os.RemoveAll(dir))
	}
	if err := out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, errors.Join(err, hold.Close())
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, errors.Join(fmt.Errorf("PostgreSQL did not start: %s", log), hold.Close())
	}
	return &server{url: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port), hold: hold}, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // asks for a port, talks to nobody
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// program finds one of PostgreSQL's programs. The distribution keeps those of
// the server out of PATH, in a folder for each version; pg_config may belong to
// a client without a server.
func program(name string) (string, error) {
	var dirs []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil { //nolint:noctx // prints a line
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	versions, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	for i := len(versions) - 1; i >= 0; i-- {
		dirs = append(dirs, versions[i])
	}
	for _, dir := range dirs {
		if name == "initdb" && !executable(filepath.Join(dir, "pg_ctl")) {
			continue
		}
		if at := filepath.Join(dir, name); executable(at) {
			return at, nil
		}
	}
	at, err := exec.LookPath(name)
	if err != nil {
		return "", errMissing
	}
	if at, err = filepath.EvalSymlinks(at); err != nil { // its siblings stand beside the file itself
		return "", errMissing
	}
	return at, nil
}

func executable(at string) bool {
	info, err := os.Stat(at)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
