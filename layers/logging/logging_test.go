package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every kind of line that there is, as a JSON encoder writes it.
func TestLines(t *testing.T) {
	var out bytes.Buffer
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		MessageKey: "msg", LevelKey: "level", EncodeLevel: zapcore.LowercaseLevelEncoder, EncodeDuration: zapcore.StringDurationEncoder,
	}), zapcore.AddSync(&out), zap.DebugLevel))
	tour(t, wrap(t, memory.New(memory.Clock(epoch)), logging.New(logger, logging.Clock(ticking()))))
	storetest.Golden(t, filepath.Join("testdata", "lines.jsonl"), out.String())
	canary(t, out.String())
}

// The same through slog, with slog's own encoder.
func TestSlogLines(t *testing.T) {
	var out bytes.Buffer
	handler := slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	tour(t, wrap(t, memory.New(memory.Clock(epoch)), logging.NewSlog(slog.New(handler), logging.Clock(ticking()))))
	storetest.Golden(t, filepath.Join("testdata", "slog.jsonl"), out.String())
	canary(t, out.String())
}

// Every line is JSON with the fields that dashboards are built on.
func TestFields(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	tour(t, wrap(t, memory.New(), logging.New(zap.New(core))))
	for _, e := range logs.All() {
		m := e.ContextMap()
		for _, name := range []string{"outcome", "duration"} {
			if _, ok := m[name]; !ok {
				t.Errorf("%q lacks %s: %v", e.Message, name, m)
			}
		}
		if text, err := json.Marshal(m); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestLevels(t *testing.T) {
	for name, c := range map[string]struct {
		opts []logging.Option
		err  error
		want zapcore.Level
	}{
		"well":        {nil, nil, zap.DebugLevel},
		"level":       {[]logging.Option{logging.Level(zap.InfoLevel, core.OpStat)}, nil, zap.InfoLevel},
		"other op":    {[]logging.Option{logging.Level(zap.InfoLevel, core.OpRead)}, nil, zap.DebugLevel},
		"all ops":     {[]logging.Option{logging.Level(zap.InfoLevel)}, nil, zap.InfoLevel},
		"slow":        {[]logging.Option{logging.SlowThreshold(time.Second)}, nil, zap.WarnLevel},
		"not slow":    {[]logging.Option{logging.SlowThreshold(time.Minute)}, nil, zap.DebugLevel},
		"slow other":  {[]logging.Option{logging.SlowThreshold(time.Second, core.OpRead)}, nil, zap.DebugLevel},
		"not found":   {nil, core.ErrFeatureNotFound, zap.DebugLevel},
		"canceled":    {nil, context.Canceled, zap.DebugLevel},
		"denied":      {nil, core.ErrDenied, zap.ErrorLevel},
		"unavailable": {nil, core.ErrUnavailable, zap.ErrorLevel},
		"slow failed": {[]logging.Option{logging.SlowThreshold(time.Second)}, core.ErrIntegrity, zap.ErrorLevel},
	} {
		t.Run(name, func(t *testing.T) {
			zc, logs := observer.New(zap.DebugLevel)
			s := wrap(t, broken{c.err}, logging.New(zap.New(zc), append(c.opts, logging.Clock(ticking()))...))
			_, _ = s.Stat(t.Context(), core.StatRequest{Key: "f"})
			got := logs.All()
			if len(got) != 1 || got[0].Level != c.want {
				t.Errorf("got %v, want one line at %s", got, c.want)
			}
		})
	}
}

// Below the level of the logger only failures and slow operations are written.
func TestQuiet(t *testing.T) {
	zc, logs := observer.New(zap.WarnLevel)
	tour(t, wrap(t, memory.New(), logging.New(zap.New(zc))))
	for _, e := range logs.All() {
		if e.Level < zap.ErrorLevel {
			t.Errorf("%v", e)
		}
	}
}

func TestHideErrorText(t *testing.T) {
	zc, logs := observer.New(zap.DebugLevel)
	s := wrap(t, broken{fmt.Errorf("%w: row 'canary-7' is odd", core.ErrUnavailable)}, logging.New(zap.New(zc), logging.HideErrorText()))
	_, _ = s.Stat(t.Context(), core.StatRequest{Key: "f"})
	m := logs.All()[0].ContextMap()
	if m["outcome"] != "unavailable" || m["error"] != nil {
		t.Error(m)
	}
}

// A hostile key neither floods nor breaks a line, and the shape of a filter
// that was refused is left out: a value in the wrong quotes looks like a column.
func TestHostileRequests(t *testing.T) {
	zc, logs := observer.New(zap.DebugLevel)
	s := wrap(t, memory.New(), logging.New(zap.New(zc)))
	for _, key := range []string{"", "..", "a\nb", "a\x00b", strings.Repeat("x", 10_000), "ä"} {
		_, _ = s.Read(t.Context(), core.ReadRequest{Key: core.FeatureKey(key)})
	}
	_, _ = s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo, Filter: expr.Col("alice@example.com").Eq(1)})
	for _, e := range logs.All() {
		feature := e.ContextMap()["feature"].(string)
		if len(feature) > 100 || strings.ContainsAny(feature, "\n\x00") {
			t.Errorf("%q", feature)
		}
	}
}

// Sampling thins out what needs no attention, and drops nothing else.
func TestSample(t *testing.T) {
	now := epoch()
	clock := clockFunc(func() time.Time { return now })
	var failing error
	stat := func(s core.Store, times int) {
		for range times {
			_, _ = s.Stat(t.Context(), core.StatRequest{Key: "f"})
		}
	}
	zc, logs := observer.New(zap.DebugLevel)
	layer := logging.New(zap.New(zc, zap.WithClock(clock)), logging.Sample(time.Minute, 2, 10), logging.Clock(epoch))
	s := wrap(t, switching{broken{}, &failing}, layer)
	lines := func() int { return len(logs.TakeAll()) }
	stat(s, 32)
	if n := lines(); n != 2+3 || layer.Dropped() != 27 {
		t.Errorf("%d of 32 lines, %d dropped, want the first 2 and each 10th after", n, layer.Dropped())
	}
	failing = core.ErrUnavailable
	stat(s, 32)
	if n := lines(); n != 32 {
		t.Errorf("%d of 32 failures are logged", n)
	}
	failing = nil
	now = now.Add(time.Minute)
	stat(s, 2)
	if n := lines(); n != 2 {
		t.Errorf("%d of 2 lines in a new interval", n)
	}
	slow := wrap(t, broken{}, logging.New(zap.New(zc, zap.WithClock(clock)), logging.Sample(time.Minute, 1, 0), logging.Clock(ticking()), logging.SlowThreshold(time.Second)))
	stat(slow, 20)
	if n := lines(); n != 20 {
		t.Errorf("%d of 20 slow calls are logged", n)
	}
	for _, bad := range []logging.Option{logging.Sample(0, 1, 1), logging.Sample(time.Second, -1, 3), logging.Sample(time.Second, 0, 0)} {
		if _, err := logging.New(nil, bad).Wrap(broken{}); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
}

type clockFunc func() time.Time

func (f clockFunc) Now() time.Time                         { return f() }
func (f clockFunc) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

// switching is broken while the error is set.
type switching struct {
	broken
	now *error
}

func (s switching) Stat(context.Context, core.StatRequest) (core.Info, error) {
	return core.Info{}, *s.now
}

func TestNil(t *testing.T) {
	tour(t, wrap(t, memory.New(), logging.New(nil, nil)))
	tour(t, wrap(t, memory.New(), logging.NewSlog(nil)))
	if _, err := logging.New(nil).Wrap(nil); err == nil {
		t.Error("nothing was wrapped")
	}
}

func TestSummary(t *testing.T) {
	info := logging.New(nil, logging.SlowThreshold(time.Second), logging.Sample(time.Minute, 100, 10)).Info()
	if info.Phase != core.PhaseObserve || info.Summary != "info: write evolve, slow: 1s, sampled: 100 and each 10. per 1m0s" {
		t.Errorf("%+v", info)
	}
}

func wrap(t testing.TB, base core.Store, l core.Layer) core.Store {
	t.Helper()
	s, err := l.Wrap(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(); _ = base.Close() })
	return s
}

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// ticking is a clock on which every reading is a second after the last.
func ticking() func() time.Time {
	at := epoch()
	return func() time.Time { at = at.Add(time.Second); return at }
}

// broken answers a Stat with its error.
type broken struct{ err error }

func (b broken) Stat(context.Context, core.StatRequest) (core.Info, error) {
	return core.Info{}, b.err
}

func (b broken) Write(context.Context, core.WriteRequest) (core.Commit, error) {
	return core.Commit{}, b.err
}

func (b broken) Read(context.Context, core.ReadRequest) (core.Rows, error) { return core.Rows{}, b.err }

func (b broken) Resolve(context.Context, core.ResolveRequest) (core.Increment, error) {
	return core.Increment{}, b.err
}

func (b broken) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] {
	return func(yield func(core.Info, error) bool) { yield(core.Info{}, b.err) }
}

func (b broken) Evolve(context.Context, core.EvolveRequest) (core.Info, error) {
	return core.Info{}, b.err
}
func (b broken) Capabilities() core.Capabilities { return core.Capabilities{} }
func (b broken) Close() error                    { return nil }
