package metrics

import (
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// WriteText writes the metrics that this layer and those beside it registered
// as OpenMetrics text, with exemplars. Before the layer wraps a store there are
// none. The text format has no native histograms: with [Native] alone a time
// shows only its count and sum.
func (m *Metrics) WriteText(w io.Writer) error {
	m.mu.Lock()
	b := m.bound
	m.mu.Unlock()
	enc := expfmt.NewEncoder(w, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	if b != nil {
		families, err := b.own.Gather()
		if err != nil {
			return fmt.Errorf("%s: %w", Name, err)
		}
		for _, f := range families {
			if err := enc.Encode(f); err != nil {
				return fmt.Errorf("%s: %w", Name, err)
			}
		}
	}
	if c, ok := enc.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			return fmt.Errorf("%s: %w", Name, err)
		}
	}
	return nil
}

// Handler serves everything that g gathers, in the format that the scraper asks
// for: native histograms need the one in protocol buffers, exemplars that or
// OpenMetrics. A series that cannot be gathered leaves the others as they are.
func Handler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError})
}
