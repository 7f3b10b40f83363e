package gallery

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is the service over an empty dev store and a mock of production.
func service(t *testing.T, layers ...core.Layer) (*Gallery, *storetest.MockStore) {
	t.Helper()
	prod := storetest.Mock()
	storetest.Fill(t, prod)
	prod.Recorded().Reset()
	dev, err := Open(storetest.Empty(t), prod, layers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(dev.Close(), prod.Close()); err != nil {
			t.Error(err)
		}
	})
	return New(dev, storetest.KeyVideo), prod
}

// ask makes one request of the service.
func ask(t *testing.T, g *Gallery) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	return w
}

// What dev lacks is read from prod, which is asked for no more than it must be.
func TestFromProd(t *testing.T) {
	g, prod := service(t)
	if w := ask(t, g); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `{"videos":10,"bytes":42}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	prod.Recorded().ExpectCalls(t, core.OpRead, core.OpStat)
	if calls := prod.Calls(core.OpRead); len(calls) != 1 || strings.Join(calls[0].Read.Columns, " ") != "size" {
		t.Errorf("prod was asked for %+v", calls)
	}
}

// SetFailure makes an operation of the mock fail until it is told otherwise.
func TestProdFails(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"down":   {core.ErrUnavailable, http.StatusServiceUnavailable},
		"denied": {core.ErrDenied, http.StatusForbidden},
		"broken": {core.ErrIntegrity, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			g, prod := service(t)
			prod.SetFailure(core.OpRead, c.err)
			w := ask(t, g)
			if w.Code != c.status || strings.Contains(w.Body.String(), "video") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if retry := w.Header().Get("Retry-After"); (retry != "") != (c.status == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After %q", retry)
			}
			prod.SetFailure(core.OpRead, nil)
			if w := ask(t, g); w.Code != http.StatusOK {
				t.Errorf("after the failure: %d", w.Code)
			}
		})
	}
}

// A stream that breaks off in the middle must not become a total that is too
// small.
func TestStreamBreaksOff(t *testing.T) {
	fault := storetest.Fault(storetest.MidStream(core.OpRead, 1, 1, core.ErrUnavailable))
	prod, err := fault.Wrap(storetest.Populated(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := Open(storetest.Empty(t), prod)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if total, err := New(dev, storetest.KeyVideo).Total(t.Context()); !errors.Is(err, core.ErrUnavailable) || total != (Total{}) {
		t.Errorf("%+v, %v", total, err)
	}
	if fired := fault.Fired(); len(fired) != 1 {
		t.Errorf("the fault did not happen: %v", fired)
	}
}

// Latency runs on the clock of synctest: nobody waits.
func TestProdIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, prod := service(t)
		prod.SetLatency(core.OpRead, 10*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		start := time.Now()
		g.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
		if took := time.Since(start); w.Code != http.StatusGatewayTimeout || took != time.Second {
			t.Errorf("%d after %s", w.Code, took)
		}
	})
}

// A fault can stand at any phase of the stack, here above the fallback, so that
// prod is never asked; a tap shows what comes through.
func TestFaultAnywhere(t *testing.T) {
	tap := storetest.Tap(storetest.TapAt(core.PhaseCatalog))
	fault := storetest.Fault(storetest.FailNth(core.OpRead, 2, core.ErrUnavailable)).At(core.PhaseObserve)
	g, prod := service(t, fault, tap)
	var codes []int
	for range 3 {
		codes = append(codes, ask(t, g).Code)
	}
	if codes[0] != http.StatusOK || codes[1] != http.StatusServiceUnavailable || codes[2] != http.StatusOK {
		t.Errorf("answers %v", codes)
	}
	if here, there := len(tap.Calls(core.OpRead)), len(prod.Calls(core.OpRead)); here != 2 || there != 2 {
		t.Errorf("%d reads of dev, %d of prod, want 2 each", here, there)
	}
}

// What is written stays in dev.
func TestNothingIsWrittenToProd(t *testing.T) {
	g, prod := service(t)
	storetest.Fill(t, g.store)
	ask(t, g)
	if calls := prod.Calls(core.OpWrite); len(calls) != 0 {
		t.Errorf("prod was written to: %v", calls)
	}
}
