package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

// served is a running `metaxy serve`.
type served struct {
	url  string
	code chan int
	errs *strings.Builder // to be read after the end
}

var address = regexp.MustCompile(`http://([^/]+)/metrics`)

// start runs serve on a free port until ctx ends.
func start(ctx context.Context, t *testing.T, doc string, args ...string) *served {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metaxy.toml")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	out, w := io.Pipe()
	s := &served{code: make(chan int, 1), errs: &strings.Builder{}}
	args = append([]string{"serve", "-c", path, "--metrics", "127.0.0.1:0"}, args...)
	go func() {
		code := run(ctx, args, nil, w, s.errs)
		w.Close()
		s.code <- code
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v, code %d: %s", err, <-s.code, s.errs)
	}
	m := address.FindStringSubmatch(line)
	if m == nil {
		t.Fatal(line)
	}
	s.url = "http://" + m[1]
	return s
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const observed = `
[stores.dev]
backend = "memory://"
fallback = "prod"
metrics = true
cache = true
[stores.prod]
backend = "memory://"
`

// A scrape finds the numbers of the stack, and a signal ends the process
// gracefully.
func TestServe(t *testing.T) {
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM) // as Main does
	defer stop()
	s := start(ctx, t, observed, "-s", "dev")
	if !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Error("listens on", s.url)
	}
	if code, body := get(t, s.url+"/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Error(code, body)
	}
	code, body := get(t, s.url+"/metrics")
	for _, want := range []string{
		`metaxy_operations_total{op="stat",outcome="not_found",store="dev"} 1`, `metaxy_cache_misses_total{cache="rows",store="dev"} 0`,
		"# TYPE metaxy_operation_duration_seconds histogram",
	} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("code %d, no %s in\n%s", code, want, body)
		}
	}
	if code, _ := get(t, s.url+"/"); code != http.StatusNotFound {
		t.Error("the root is served:", code)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-s.code; code != exitClean || s.errs.Len() > 0 {
		t.Errorf("code %d: %s", code, s.errs)
	}
}

// A stack without metrics gets some, and a port that is taken is an error.
func TestServeWithoutMetrics(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := start(ctx, t, "[stores.a]\nbackend = \"memory://\"\n")
	get(t, s.url+"/healthz")
	if _, body := get(t, s.url+"/metrics"); !strings.Contains(body, `store="a"`) {
		t.Error(body)
	}
	var out, errs strings.Builder
	if code := run(ctx, []string{"serve", "-s", "memory://", "--metrics", strings.TrimPrefix(s.url, "http://")}, nil, &out, &errs); code != exitError || !strings.Contains(errs.String(), "--metrics: listen tcp") {
		t.Error(code, errs.String())
	}
	cancel()
	if code := <-s.code; code != exitClean {
		t.Error(code)
	}
}

// What is wrong with the configuration ends serve at once.
func TestServeRefuses(t *testing.T) {
	mistaken := filepath.Join(t.TempDir(), "metaxy.toml")
	if err := os.WriteFile(mistaken, []byte("[stores.a]\nbackend = \"memory://\"\n[stores.a.catalog]\nurl = \"memory://?keep=all\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve", "-s", "duckbd://x"},
		{"serve", "-s", "memory://", "--timeout", "0s"},
		{"serve", "-s", "memory://", "--metrics", "nowhere"},
		{"serve", "-c", mistaken, "--metrics", "127.0.0.1:0"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), args, nil, &out, &errs); code != exitError || errs.Len() == 0 {
			t.Errorf("%v: code %d: %s", args, code, errs.String())
		}
		if lines := strings.Split(strings.TrimSpace(errs.String()), "\n"); len(lines) > 1 {
			t.Errorf("%v: an error is told twice: %s", args, errs.String())
		}
	}
}

// An address that cannot be had is told before the store is opened, which may
// take long or make a file.
func TestServeListensFirst(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "metaxy.toml")
	if err := os.WriteFile(path, []byte("[stores.a]\nbackend = \"memory://\"\n[stores.a.catalog]\nurl = \"sqlite://catalog.db\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"serve", "-c", path, "--metrics", "nowhere"}, nil, &out, &errs); code != exitError || !strings.Contains(errs.String(), "--metrics: ") {
		t.Errorf("code %d: %s", code, errs.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "catalog.db")); err == nil {
		t.Error("the store was opened")
	}
}

// checkup is a health with a stack that can be opened or not.
func checkup(t *testing.T, open func(context.Context) (*compose.Stack, error)) (*health, *strings.Builder) {
	t.Helper()
	var notes strings.Builder
	h := &health{name: "prod", timeout: time.Minute, open: open, note: func(f string, args ...any) { fmt.Fprintf(&notes, f+"\n", args...) }}
	t.Cleanup(func() { _ = h.close() })
	return h, &notes
}

func (h *health) answer(t *testing.T) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
	return w.Code, strings.TrimSpace(w.Body.String())
}

// Each kind of failure is 503 with its kind, and nothing of its text.
func TestHealthReasons(t *testing.T) {
	for _, sentinel := range core.Sentinels() {
		if errors.Is(sentinel, core.ErrFeatureNotFound) {
			continue
		}
		h, _ := checkup(t, func(context.Context) (*compose.Stack, error) {
			return nil, fmt.Errorf("%w: password=canary for db.example.org", sentinel)
		})
		if code, text := h.answer(t); code != http.StatusServiceUnavailable || text != "store prod: "+sentinel.Error() {
			t.Errorf("%d %q", code, text)
		}
	}
	h, _ := checkup(t, func(context.Context) (*compose.Stack, error) { return nil, errors.New("canary") })
	if code, text := h.answer(t); code != http.StatusServiceUnavailable || text != "store prod: broken" {
		t.Errorf("%d %q", code, text)
	}
}

// A store that comes back is opened then, and each change is noted once.
func TestHealthComesBack(t *testing.T) {
	there, opened := false, 0
	var failing core.Store
	h, notes := checkup(t, func(context.Context) (*compose.Stack, error) {
		opened++
		if !there {
			return nil, core.ErrUnavailable
		}
		mock := storetest.Mock()
		failing = mock
		return compose.New(mock, compose.Named("prod"))
	})
	h.answer(t)
	h.answer(t)
	there = true
	for range 3 {
		if code, text := h.answer(t); code != http.StatusOK || text != "ok" {
			t.Error(code, text)
		}
	}
	if opened != 3 || failing == nil {
		t.Error("opened", opened)
	}
	if want := "store prod: unavailable: unavailable\nstore prod: ok\n"; notes.String() != want {
		t.Errorf("%q", notes)
	}
}

// A store that never answers costs each question the timeout and all of them
// one call.
func TestHealthHangs(t *testing.T) {
	free := make(chan struct{})
	calls := 0
	h, _ := checkup(t, func(context.Context) (*compose.Stack, error) {
		calls++
		<-free // whatever the context says
		return compose.New(memory.New())
	})
	h.timeout = 20 * time.Millisecond
	for range 3 {
		if code, text := h.answer(t); code != http.StatusServiceUnavailable || text != "store prod: no answer within 20ms" {
			t.Error(code, text)
		}
	}
	close(free)
	h.timeout = time.Minute
	code := 0
	for range 3 { // the first may still join the question that came too late
		code, _ = h.answer(t)
	}
	if code != http.StatusOK || calls != 1 {
		t.Error(code, calls)
	}
}

// A free port is found by the system, on the loopback interface alone.
func TestServeDefaultIsLoopback(t *testing.T) {
	a := &app{}
	def := a.serveCommand().Flags().Lookup("metrics").DefValue
	host, _, err := net.SplitHostPort(def)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Error(def, err)
	}
}
