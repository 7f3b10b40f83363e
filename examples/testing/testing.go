// Package gallery is a small service over a store, and its tests show how such
// a service is tested: with a production leg that fails, breaks off in the
// middle or is slow, and with a record of what it was asked.
//
// The service says how many videos there are and how many bytes they take. In
// development it reads from production what the development store lacks.
package gallery

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
)

// Open builds the stack of the service. Tests put layers of their own into it.
func Open(dev, prod core.Store, more ...core.Layer) (*compose.Stack, error) {
	return compose.New(dev, compose.Named("dev"), compose.With(fallback.NewWith(fallback.Leg("prod", prod))), compose.With(more...))
}

// Gallery answers questions about one feature with a column "size".
type Gallery struct {
	store core.Store
	key   core.FeatureKey
}

// New makes the service.
func New(store core.Store, key core.FeatureKey) *Gallery { return &Gallery{store, key} }

// Total is what the service tells.
type Total struct {
	Videos int64 `json:"videos"`
	Bytes  int64 `json:"bytes"`
}

// Total adds up all videos. It gives a sum of everything or an error: a stream
// that breaks off makes no smaller sum.
func (g *Gallery) Total(ctx context.Context) (Total, error) {
	rows, err := core.Scan(g.store, g.key).Select("size").Rows(ctx)
	if err != nil {
		return Total{}, err
	}
	var t Total
	for batch, err := range rows.All() {
		if err != nil {
			return Total{}, err
		}
		sizes, ok := batch.Column(0).(*array.Int64)
		if !ok {
			return Total{}, errors.New("column size does not hold int64")
		}
		t.Videos += batch.NumRows()
		for i := range sizes.Len() {
			if sizes.IsValid(i) {
				t.Bytes += sizes.Value(i)
			}
		}
	}
	return t, nil
}

// ServeHTTP answers with the total as JSON, or with a status that says what a
// client can do.
func (g *Gallery) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	total, err := g.Total(r.Context())
	if err != nil {
		status := statusOf(err)
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(total)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, core.ErrFeatureNotFound):
		return http.StatusNotFound
	case errors.Is(err, core.ErrDenied), errors.Is(err, core.ErrUnauthenticated):
		return http.StatusForbidden
	case errors.Is(err, core.ErrUnavailable):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
