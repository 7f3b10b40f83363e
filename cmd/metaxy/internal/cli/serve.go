package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/metrics"
)

// Bounds on one request and on the end of a server.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = time.Minute
	stopTimeout   = 5 * time.Second
)

func (a *app) serveCommand() *cobra.Command {
	var address string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a store's metrics for Prometheus, and its health",
		Long: `Open a store and serve, until the process is told to end:

  /metrics   what the layers of the store count, for Prometheus
  /healthz   200 when the store answers, 503 with the reason when it does not

A store that cannot be reached is opened as soon as it can. Only this machine
can connect unless --metrics names another interface, such as :9090 for all:
then everybody who reaches the port can read names of stores and features.`,
		Example: `  metaxy serve
  metaxy serve -s prod --metrics :9090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return usagef("--timeout: want more than zero")
			}
			return a.serve(cmd.Context(), address, timeout)
		},
	}
	cmd.Flags().StringVar(&address, "metrics", "127.0.0.1:9090", "address to listen on; port 0 takes a free one")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Second, "how long /healthz waits for the store")
	return cmd
}

func (a *app) serve(ctx context.Context, address string, timeout time.Duration) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	name, err := cfg.Store(a.storeName)
	if err != nil {
		return err
	}
	by, err := cfg.Authenticator(name)
	if err != nil && !errors.Is(err, core.ErrUnsupported) {
		return err
	}
	// An address that cannot be had is said before the store is opened.
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%w: --metrics: %w", core.ErrUnavailable, err)
	}
	defer l.Close()
	reg := metrics.NewRegistry()
	h := &health{name: name, local: a.local, timeout: timeout, note: a.note, open: func(ctx context.Context) (*compose.Stack, error) {
		s, err := cfg.Open(ctx, registry().With(config.Metrics(reg)), name)
		if err != nil {
			return nil, err
		}
		return counted(s, name, func() core.Layer { return metrics.New(reg, metrics.Store(name)) })
	}}
	if by != nil {
		h.as = func(ctx context.Context) (context.Context, error) { return a.identified(ctx, by) }
	}
	// What is wrong with the configuration is said now; what is only down may
	// come back.
	if err := h.first(ctx); err != nil {
		return errors.Join(err, h.close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(reg))
	mux.Handle("GET /healthz", h)
	a.say("store %s: http://%s/metrics and /healthz", name, l.Addr())
	return errors.Join(serveOn(ctx, l, mux), h.close())
}

// counted puts metrics around a stack that has none, so that there is something
// to scrape.
func counted(s *compose.Stack, name string, layer func() core.Layer) (*compose.Stack, error) {
	for _, l := range s.Layers() {
		if l.Name == metrics.Name {
			return s, nil
		}
	}
	outer, err := compose.New(s, compose.Named(name), compose.With(layer()))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return outer, nil
}

// serveOn serves until ctx ends, then lets requests finish for a while.
func serveOn(ctx context.Context, l net.Listener, handler http.Handler) error {
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := srv.Shutdown(last)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// note tells whoever runs the process what happens to it.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, "metaxy: "+format+"\n", args...)
	}
}
