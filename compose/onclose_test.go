package compose_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
)

// What the layers were given is closed once, the last one first, while the base
// is still open; every error is told.
func TestOnClose(t *testing.T) {
	base := memory.New()
	var got []string
	note := func(name string, err error) compose.Option {
		return compose.OnClose(func() error {
			if _, statErr := base.Stat(t.Context(), core.StatRequest{Key: "a"}); errors.Is(statErr, core.ErrClosed) {
				t.Errorf("%s is closed after the base", name)
			}
			got = append(got, name)
			return err
		})
	}
	first, second := errors.New("first"), errors.New("second")
	s, err := compose.New(base, note("log", first), note("queue", second))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); !errors.Is(err, first) || !errors.Is(err, second) {
			t.Error(err)
		}
	}
	if fmt.Sprint(got) != "[queue log]" {
		t.Error(got)
	}
	if _, err := base.Stat(t.Context(), core.StatRequest{Key: "a"}); !errors.Is(err, core.ErrClosed) {
		t.Error("the base stays open:", err)
	}
}

// A stack that is not built closes nothing of its caller's.
func TestOnCloseOfNoStack(t *testing.T) {
	called := false
	base := memory.New()
	defer base.Close()
	_, err := compose.New(base, compose.OnClose(func() error { called = true; return nil }), compose.Accept("no-such-rule", "x"))
	if err == nil || called {
		t.Error(err, called)
	}
}
