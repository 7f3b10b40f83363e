// Command observability shows one day of a store in numbers, spans and log
// lines. The layers come from metaxy.toml; the program gives them a registry,
// a provider of spans and a logger, and scrapes its own /metrics.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/metrics"
)

//go:embed metaxy.toml
var file []byte

func main() {
	dir, err := os.MkdirTemp("", "metaxy-observability-")
	if err == nil {
		_, err = run(context.Background(), os.Stdout, dir)
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "observability:", err)
		os.Exit(1)
	}
}

// run gives what was scraped.
func run(ctx context.Context, out io.Writer, dir string) (text string, err error) {
	registry := metrics.NewRegistry()
	spans := &printed{out: out}
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()

	cfg, err := config.Parse("metaxy.toml", file, dir)
	if err != nil {
		return "", err
	}
	store, err := cfg.Open(ctx, config.NewRegistry(
		config.FileBackend(duckdb.Scheme, duckdb.OpenURL),
		config.Metrics(registry), config.Tracer(provider), config.Logger(logger(out)),
	), "dev")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	fmt.Fprintf(out, "%s\n", store)
	if err := day(ctx, store); err != nil {
		return "", err
	}

	text, err = scrape(ctx, metrics.Handler(registry))
	if err != nil {
		return "", err
	}
	fmt.Fprintln(out, "\na few of the series that Prometheus finds at /metrics")
	for line := range strings.Lines(text) {
		if interesting(line) {
			fmt.Fprint(out, "  "+line)
		}
	}
	return text, nil
}

// logger writes lines without the time, to be read here.
func logger(out io.Writer) *zap.Logger {
	cfg := zap.NewDevelopmentEncoderConfig()
	cfg.TimeKey = ""
	cfg.EncodeDuration = zapcore.StringDurationEncoder
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(cfg), zapcore.AddSync(out), zap.DebugLevel))
}

// interesting picks series that moved.
func interesting(line string) bool {
	if strings.HasSuffix(line, " 0\n") {
		return false
	}
	for _, name := range []string{"metaxy_operations_total", "metaxy_backend_operations_total", "metaxy_rows_total", "metaxy_cache_hits_total", "metaxy_cache_misses_total", "metaxy_feature_rows_total"} {
		if strings.HasPrefix(line, name+"{") {
			return true
		}
	}
	return false
}
