package config

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/logging"
)

// builtin lists the layers of this module that have a table. compose places
// them by phase; within one, their order here is that of the stack, outermost
// first: a span encloses what is counted and logged.
func builtin() []LayerKind {
	return []LayerKind{
		tracingKind(), backendTracingKind(), metricsKind(), backendMetricsKind(), loggingKind(), rbacKind(), catalogKind(), cryptoKind(),
		cacheKind(), retryKind(),
	}
}

// Kinds lists the layers that have a table, with their keys, for documentation.
func Kinds() []LayerKind { return builtin() }

func loggingKind() LayerKind {
	return LayerKind{
		Table: "logging",
		Doc:   "one structured line for each operation",
		Keys: []Key{
			{Name: "level", Default: "info", Choices: []string{"debug", "info", "warn", "error"}, Doc: "the least important lines to write: reads are debug, writes info, slow calls warn, failures error"},
			{Name: "format", Default: "console", Choices: []string{"console", "json"}, Doc: "how a line looks"},
			{Name: "output", Default: "stderr", Choices: []string{"stderr", "stdout"}, Doc: "where lines go"},
			{Name: "slow", Kind: Duration, Doc: "operations at least this slow are warnings"},
			{Name: "hide_error_text", Kind: Flag, Doc: "log the kind of an error without its text"},
			{Name: "sample", Kind: Table, Keys: sampleKeys(), Doc: "leaves out lines of busy stores; warnings and errors are always written"},
		},
		Make: func(v Values, env Env) (core.Layer, error) {
			var opts []logging.Option
			if d := v.Duration("slow"); d > 0 {
				opts = append(opts, logging.SlowThreshold(d))
			}
			if v.Flag("hide_error_text") {
				opts = append(opts, logging.HideErrorText())
			}
			if s, ok := v.Table("sample"); ok {
				opts = append(opts, logging.Sample(s.Duration("interval"), int(s.Number("first")), int(s.Number("thereafter"))))
			}
			logger, err := newLogger(v, env.Logger)
			if err != nil {
				return nil, err
			}
			return logging.New(logger.With(zap.String("store", env.Store)), opts...), nil
		},
	}
}

func sampleKeys() []Key {
	return []Key{
		{Name: "interval", Kind: Duration, Positive: true, Default: "1s", Doc: "what is counted anew each time"},
		{Name: "first", Kind: Number, Default: "100", Doc: "how many lines of a kind are written in each interval"},
		{Name: "thereafter", Kind: Number, Default: "100", Doc: "of the lines after those, one in so many is written (0: none)"},
	}
}

// newLogger makes a logger of the table's choices. A logger that the program
// gave decides format and output itself; the level then only raises its own.
func newLogger(v Values, given *zap.Logger) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(v.Text("level"))
	if err != nil {
		return nil, err
	}
	if given != nil {
		return given.WithOptions(zap.IncreaseLevel(max(level, given.Level()))), nil
	}
	cfg := zap.NewProductionEncoderConfig()
	cfg.EncodeTime = zapcore.ISO8601TimeEncoder
	cfg.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewConsoleEncoder(cfg)
	if v.Text("format") == "json" {
		encoder = zapcore.NewJSONEncoder(cfg)
	}
	out := os.Stderr
	if v.Text("output") == "stdout" {
		out = os.Stdout
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(out), level)), nil
}
