// Command environments has dev, staging and prod in one file, metaxy.toml: prod
// holds everything, staging the features of a change that is being tried, dev
// nothing. Reading in dev reaches through; a change in dev computes only what
// depends on it; nothing that dev does reaches the others.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
)

//go:embed metaxy.toml
var file []byte

func main() {
	dir, err := os.MkdirTemp("", "metaxy-environments-")
	if err == nil {
		err = errors.Join(run(context.Background(), os.Stdout, dir), os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "environments:", err)
		os.Exit(1)
	}
}

// world is one file of configuration, read with the rights of this machine.
type world struct {
	ctx   context.Context
	out   io.Writer
	dir   string
	graph *core.Graph
}

func run(ctx context.Context, out io.Writer, dir string) error {
	graph, err := core.NewGraph(features()...)
	if err != nil {
		return err
	}
	w := world{ctx: ctx, out: out, dir: dir, graph: graph}
	for _, step := range []func() error{w.prod, w.staging, w.dev} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// open opens a store of metaxy.toml; the rights are variables of its URL.
func (w world) open(name string, rights map[string]string) (*compose.Stack, error) {
	cfg, err := config.Parse("metaxy.toml", file, w.dir, config.Environment(func(n string) (string, bool) {
		v, ok := rights[n]
		return v, ok
	}))
	if err != nil {
		return nil, err
	}
	return cfg.Open(w.ctx, config.NewRegistry(config.FileBackend(duckdb.Scheme, duckdb.OpenURL), config.Logger(zap.NewNop())), name)
}

// in runs a step with a store that is open.
func (w world) in(name string, rights map[string]string, step func(*compose.Stack) error) error {
	s, err := w.open(name, rights)
	if err != nil {
		return err
	}
	return errors.Join(step(s), s.Close())
}

func (w world) say(format string, args ...any) { fmt.Fprintf(w.out, format+"\n", args...) }
