package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// scrape serves a handler on the loopback interface and reads /metrics once, as
// a Prometheus server would.
func scrape(ctx context.Context, handler http.Handler) (text string, err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", handler)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	defer func() {
		err = errors.Join(err, srv.Close())
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String()+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("/metrics: %s", resp.Status)
	}
	return string(body), err
}

// printed prints each span when it ends. A program that keeps its traces takes
// an exporter of OpenTelemetry instead.
type printed struct{ out io.Writer }

// ExportSpans is sdk.SpanExporter's.
func (p *printed) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Fprintf(p.out, "SPAN\t%s", s.Name())
		for _, a := range s.Attributes() {
			if a.Key == "metaxy.outcome" || a.Key == "db.response.returned_rows" || a.Key == "metaxy.filter" {
				fmt.Fprintf(p.out, "\t%s=%s", a.Key, a.Value.String())
			}
		}
		fmt.Fprintln(p.out)
	}
	return nil
}

// Shutdown is sdk.SpanExporter's.
func (*printed) Shutdown(context.Context) error { return nil }
