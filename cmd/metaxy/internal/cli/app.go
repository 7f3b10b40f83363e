package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/compose/featurefile"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// app is one run: the global flags, and what was opened for it.
type app struct {
	in       io.Reader
	out, err io.Writer
	tty      bool // err is a terminal: progress can be shown
	colored  bool // out is a terminal

	configPath   string
	storeName    string
	featureFiles []string
	quiet        bool
	noColor      bool
	local        bool
	token        secretFlag

	cfg    *config.Config
	bare   bool // cfg is a store's URL
	opened *config.Opened
	graph  *core.Graph

	unfilled bool // the catalog is empty, and its store is not
}

var (
	errNoConfig = errors.New("no configuration")
	errNoGraph  = errors.New("no file declares features")
)

// config loads the configuration once. A store's URL stands for a whole one.
func (a *app) config() (*config.Config, error) {
	if a.cfg != nil {
		return a.cfg, nil
	}
	var err error
	if strings.Contains(a.storeName, "://") {
		a.cfg, err = bareStore(a.storeName)
		a.storeName, a.bare = "", true
		return a.cfg, err
	}
	a.cfg, err = a.file()
	return a.cfg, err
}

// file loads the configuration file. None is errNoConfig.
func (a *app) file() (*config.Config, error) {
	path := a.configPath
	if path == "" {
		var err error
		if path, err = config.Find("."); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoConfig, err)
		}
	}
	return config.Load(path)
}

// open opens the store that the flags name, once, and puts who runs the command
// into its context.
func (a *app) open(cmd *cobra.Command) (core.Store, error) {
	if a.opened == nil {
		cfg, err := a.config()
		if err != nil {
			return nil, err
		}
		if a.opened, err = cfg.OpenHandles(cmd.Context(), registry(), a.storeName); err != nil {
			if a.bare {
				err = ofURL(err)
			}
			return nil, err
		}
	}
	return a.opened.Stack, a.identify(cmd, a.opened.Authenticator)
}

func (a *app) close() error {
	if a.opened == nil {
		return nil
	}
	return a.opened.Close()
}

// declared reads the feature files once. Without any it is errNoGraph.
func (a *app) declared() (*core.Graph, error) {
	if a.graph != nil {
		return a.graph, nil
	}
	files := a.featureFiles
	var err error
	if len(files) == 0 {
		if files, err = a.filesOfConfig(); err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, errNoGraph
	}
	a.graph, err = featurefile.LoadGraph(files...)
	return a.graph, err
}

// filesOfConfig lists the feature files of the configuration. Beside a store's
// URL there may be a file, or none.
func (a *app) filesOfConfig() ([]string, error) {
	cfg, err := a.config()
	if err == nil && a.bare {
		if cfg, err = a.file(); errors.Is(err, errNoConfig) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return cfg.Features, nil
}

// declaredOrNone is declared for verbs that can do without.
func (a *app) declaredOrNone() (*core.Graph, error) {
	g, err := a.declared()
	if errors.Is(err, errNoGraph) {
		return core.NewGraph()
	}
	return g, err
}

// plan gives the declaration of a feature.
func (a *app) plan(key string) (*core.Plan, error) {
	g, err := a.declared()
	if err != nil {
		return nil, err
	}
	k, err := core.ParseKey(key)
	if err != nil {
		return nil, err
	}
	return g.Plan(k)
}

// say prints a line for people, unless they want quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.out, format+"\n", args...)
	}
}

// howMany prints a number of things.
func howMany[N int | int32 | int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// color paints text on a terminal, unless that is not wanted.
func (a *app) color(code, text string) string { return a.paint(a.colored, code, text) }

// mark paints text for the error stream.
func (a *app) mark(code, text string) string { return a.paint(a.tty, code, text) }

func (a *app) paint(terminal bool, code, text string) string {
	if !terminal || a.noColor || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

const (
	bold   = "1"
	red    = "31"
	yellow = "33"
	green  = "32"
)

// filter parses the text of a --filter flag; "" is none.
func filter(text string) (expr.Expr, error) {
	if text == "" {
		return nil, nil
	}
	e, err := expr.Parse(text)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return e, nil
}
