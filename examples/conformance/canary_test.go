package conformance_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/cache"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/layers/metrics"
	"github.com/metaxy-go/metaxy/storetest"
)

// What is protected, and what is not: the second is the proof that looking
// finds something.
const (
	canary  = "CANARY-3c1f0a9d77e24b58"
	visible = "VISIBLE-5be20c6691aa4f03"
)

// spellings are ways in which a value can stand in a file or a text.
func spellings(text string) [][]byte {
	var wide []byte
	for _, c := range []byte(text) {
		wide = append(wide, c, 0)
	}
	raw := []byte(text)
	return [][]byte{raw, wide, []byte(hex.EncodeToString(raw)), []byte(base64.StdEncoding.EncodeToString(raw)[:len(text)])}
}

// seen lists the files below a folder that hold a text.
func seen(t *testing.T, dir, text string) (in []string, read int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read += len(data)
		for _, s := range spellings(text) {
			if bytes.Contains(data, s) {
				in = append(in, filepath.Base(path))
				return nil
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return in, read
}

// TestCanary writes a value to protected columns, provokes every kind of error
// around it, and looks for it in the bytes of DuckDB's file and of its log, in
// log lines, in metrics and in error texts.
func TestCanary(t *testing.T) {
	dir := t.TempDir()
	r := newRings(t)
	base, err := duckdb.Open(t.Context(), filepath.Join(dir, "store.duckdb"), duckdb.Threads(2))
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = base.Close()
		}
	}()
	observed, lines := observer.New(zapcore.DebugLevel)
	registry := prometheus.NewRegistry()
	store, err := compose.New(base, compose.With(
		logging.New(zap.New(observed)), metrics.New(registry), guard(t), cache.New(),
		crypto.New(r.ours, crypto.Column("**", "path", crypto.Deterministic()), crypto.Columns("score"), crypto.Column("**", "size", crypto.HideNulls())),
	))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := storetest.Graph().Plan(storetest.KeyVideo)
	if err != nil {
		t.Fatal(err)
	}
	schema := storetest.VideoSchema()
	row := func(id, path string) []any {
		values := []any{id, path, int64(1), 0.5, true, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []any{"f", "a"}}
		return values
	}
	var errs []error
	write := func(role, id string, rows ...[]any) {
		_, err := store.Write(as(t.Context(), role), core.WriteRequest{Plan: plan, ID: id, Rows: storetest.RowsIn(t, memory.DefaultAllocator, 2, schema, rows...)})
		errs = append(errs, err)
	}
	write("admin", "one", row(visible, canary), row("b", canary+"/2"))
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	write("admin", "one", row(visible, canary), row("b", canary+"/3"))
	write("admin", "two", row("c", canary), row("c", canary))
	write("lister", "three", row("d", canary))
	for _, role := range []string{"admin", "reader", "stranger"} {
		for _, f := range []expr.Expr{
			expr.Col("path").Eq(canary), expr.Col("path").HasPrefix(canary), expr.Col("size").Eq(canary), expr.Col("nothing").Eq(canary), nil,
		} {
			rows, err := store.Read(as(t.Context(), role), core.ReadRequest{Key: storetest.KeyVideo, Filter: f})
			if err == nil {
				_, err = rows.Count()
			}
			errs = append(errs, err)
		}
	}

	look := func(when string) {
		t.Helper()
		in, read := seen(t, dir, canary)
		if len(in) > 0 {
			t.Errorf("%s: the canary stands in %v", when, in)
		}
		if control, _ := seen(t, dir, visible); len(control) == 0 {
			t.Errorf("%s: not even what is stored in the clear was found in %d bytes", when, read)
		}
	}
	look("while open") // in the write-ahead log
	if got := count(t, store, expr.Col("path").Eq(canary)); got != 1 {
		t.Errorf("who may, finds %d rows", got)
	}
	if err := errors.Join(store.Close(), base.Close()); err != nil {
		t.Fatal(err)
	}
	closed = true
	look("after closing") // in the file itself

	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
			if strings.Contains(err.Error(), canary) {
				t.Errorf("an error repeats the canary: %v", err)
			}
		}
	}
	if failed < 8 {
		t.Errorf("only %d calls failed: the test provokes too little", failed)
	}
	for _, l := range lines.All() {
		for key, value := range l.ContextMap() {
			if strings.Contains(l.Message+key+fmt.Sprint(value), canary) {
				t.Errorf("a log line has the canary: %s", l.Message)
			}
		}
	}
	families, err := registry.Gather()
	if err != nil || len(families) == 0 || lines.Len() == 0 {
		t.Fatalf("%d metrics, %d log lines: %v", len(families), lines.Len(), err)
	}
	for _, f := range families {
		if strings.Contains(f.String(), canary) {
			t.Errorf("metric %s has the canary", f.GetName())
		}
	}
}

func count(t *testing.T, s core.Store, filter expr.Expr) int64 {
	t.Helper()
	rows, err := s.Read(as(t.Context(), "admin"), core.ReadRequest{Key: storetest.KeyVideo, Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	n, err := rows.Count()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
