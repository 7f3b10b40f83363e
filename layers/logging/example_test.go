package logging_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/logging"
)

func ExampleNew() {
	layer := logging.New(zap.NewExample(), logging.Level(zap.InfoLevel, core.OpList), logging.Clock(stopped))
	store, err := layer.Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	for range store.List(context.Background(), core.ListRequest{Prefix: "video/"}) {
		continue
	}
	// Output: {"level":"info","msg":"listed features","prefix":"video/","features":0,"duration":"0s","outcome":"ok"}
}

func ExampleNewSlog() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	store, err := logging.NewSlog(slog.New(handler), logging.Clock(stopped)).Wrap(memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = store.Stat(context.Background(), core.StatRequest{Key: "video/raw"})
	// Output: level=DEBUG msg="describing feature" feature=video/raw duration=0s outcome=not_found layer=memory error="stat video/raw: memory: feature not found"
}

func stopped() time.Time { return time.Time{} }
