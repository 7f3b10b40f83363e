package stacktest

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
	"github.com/metaxy-go/metaxy/storetest"
)

// Every line about a feature that a leg answered for says which leg it was.
func TestLogsTellTheLeg(t *testing.T) {
	lines, logs := observer.New(zapcore.DebugLevel)
	s, err := compose.New(memory.New(), compose.With(logging.New(zap.New(lines)), fallback.NewWith(fallback.Leg("prod", storetest.Populated(t)))))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Read(t.Context(), core.ReadRequest{Key: storetest.KeyVideo})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows.Count(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), core.StatRequest{Key: storetest.KeyVideo}); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"read metadata", "described feature"} {
		found := logs.FilterMessage(op).All()
		if len(found) == 0 {
			t.Errorf("no line %q among %v", op, logs.All())
		}
		for _, l := range found {
			if l.ContextMap()["origin"] != "prod" {
				t.Errorf("%s: %v lacks the leg", op, l.ContextMap())
			}
		}
	}
}
