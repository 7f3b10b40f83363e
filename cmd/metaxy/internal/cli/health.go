package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	locks "sync" // sync is a verb here
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
)

// healthKey is a feature that nobody has: to say so a store must look.
const healthKey core.FeatureKey = "metaxy/healthz"

// health answers whether a store answers. The store is opened with the first
// question that finds it reachable.
type health struct {
	name    string
	local   bool
	timeout time.Duration
	open    func(context.Context) (*compose.Stack, error)
	as      func(context.Context) (context.Context, error) // who asks; nil: nobody
	note    func(format string, args ...any)

	opening locks.Mutex // held while the store is opened
	stack   *compose.Stack
	ended   bool

	asking singleflight.Group

	telling locks.Mutex
	last    string // the reason that was noted last, "" when all was well
}

var errEnded = errors.New("the server is ending")

// store opens the store once. One that is not there is asked for again next
// time.
func (h *health) store(ctx context.Context) (*compose.Stack, error) {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.stack != nil || h.ended {
		return h.stack, nil
	}
	var err error
	h.stack, err = h.open(ctx)
	return h.stack, err
}

// first opens the store when the server begins. What ends the server is not
// noted as well.
func (h *health) first(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	_, err := h.store(within)
	if errors.Is(err, core.ErrInvalid) || ctx.Err() != nil {
		return err
	}
	h.tell(err)
	return nil
}

func (h *health) close() error {
	h.opening.Lock()
	defer h.opening.Unlock()
	h.ended = true
	if h.stack == nil {
		return nil
	}
	return h.stack.Close()
}

// ask asks the store for something cheap.
func (h *health) ask(ctx context.Context) error {
	s, err := h.store(ctx)
	if err != nil {
		return err
	}
	if s == nil {
		return errEnded
	}
	if h.as != nil {
		if ctx, err = h.as(ctx); err != nil {
			return err
		}
	}
	_, err = s.Stat(ctx, core.StatRequest{Key: healthKey, Local: h.local})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil
	}
	return err
}

// ServeHTTP answers within the timeout, even if the store never does: whoever
// asks meanwhile waits for the same answer.
func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The question may outlive this request: what it needs is read before it
	// begins.
	asked, timeout := context.WithoutCancel(r.Context()), h.timeout
	answer := h.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(asked, timeout)
		defer cancel()
		return nil, h.ask(ctx)
	})
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	var err error
	select {
	case got := <-answer:
		err = got.Err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if r.Context().Err() != nil {
		return // nobody is there any more
	}
	h.tell(err)
	code, text := http.StatusOK, "ok"
	if err != nil {
		code, text = http.StatusServiceUnavailable, h.reason(err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// reason names the kind of an error. The rest of its text stays here: whoever
// can reach the port is not who may read it.
func (h *health) reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Sprintf("store %s: no answer within %s", h.name, h.timeout)
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return fmt.Sprintf("store %s: %s", h.name, s)
		}
	}
	return fmt.Sprintf("store %s: broken", h.name)
}

// tell notes changes, not every answer.
func (h *health) tell(err error) {
	h.telling.Lock()
	defer h.telling.Unlock()
	text := ""
	if err != nil {
		text = h.reason(err)
	}
	switch {
	case text == h.last:
	case err == nil:
		h.note("store %s: ok", h.name)
	default:
		h.note("%s: %v", text, err)
	}
	h.last = text
}
