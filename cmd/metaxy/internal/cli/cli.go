// Package cli is the command line of metaxy.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// The exit codes.
const (
	exitClean = 0
	exitError = 1
	exitStale = 2 // there is something to do, or the answer is no
)

// errStale ends a verb that found something to do, or whose answer is no; it
// prints nothing.
var errStale = errors.New("something is to be done")

// Main runs the command of this process and gives its exit code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{in: in, out: out, err: errs, tty: isTerminal(errs), colored: isTerminal(out)}
	root := a.command()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if cerr := a.close(); err == nil || errors.Is(err, errStale) && cerr != nil {
		err = errors.Join(err, cerr)
	}
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return exitClean
	case err == errStale: //nolint:errorlint // joined with another error it is that error
		return exitStale
	}
	a.report(ctx, err)
	return exitError
}

// report prints an error on one line, with a hint where there is one; several
// errors stand on a line each.
func (a *app) report(ctx context.Context, err error) {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.err, "metaxy: interrupted")
		return
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	if h := hint(err); h != "" {
		lines[len(lines)-1] += " (" + h + ")"
	}
	for _, l := range lines {
		fmt.Fprintln(a.err, "metaxy: "+l)
	}
	var at *expr.Error
	if errors.As(err, &at) {
		if _, where, ok := strings.Cut(at.Detail(), "\n"); ok {
			fmt.Fprintln(a.err, where)
		}
	}
}

// hint says what to do about an error.
func hint(err error) string {
	for _, h := range []struct {
		is   error
		text string
	}{
		{errNoConfig, "write a metaxy.toml, or name one with --config, or a store with --store duckdb://FILE"},
		{errNoGraph, `name them with --features or with features = "features.toml" in metaxy.toml`},
		{core.ErrUnauthenticated, "set " + tokenVariable + ", or say --token env:NAME or file:PATH; metaxy access token new makes a token"},
		{core.ErrDenied, "metaxy access can IDENTITY OP FEATURE says why"},
		{keys.ErrDisabled, "metaxy keys enable takes it back, metaxy keys reencrypt comes before disable"},
		{keys.ErrUnknown, "metaxy keys list shows the keys that there are"},
		{keys.ErrShredded, "a shredded subject cannot be written again"},
		{core.ErrFeatureNotFound, "metaxy features lists what there is"},
		{core.ErrDependency, "metaxy plan shows what is missing"},
		{core.ErrReadOnly, "open it without read_only, or write to another store with --store"},
		{os.ErrNotExist, ""},
	} {
		if errors.Is(err, h.is) {
			return h.text
		}
	}
	return ""
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// exactly is cobra.ExactArgs with the arguments' names in the message.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return usagef("%s takes %s, got %d arguments: see %s --help", cmd.Name(), strings.Join(names, " and "), len(args), cmd.CommandPath())
	}
}

// usagef is a mistake on the command line.
func usagef(format string, args ...any) error {
	return fmt.Errorf("%w: %w", core.ErrInvalid, fmt.Errorf(format, args...))
}

// flagError says what a flag takes instead of which function could not read it.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return usagef("%w", err)
	}
	flag := bad.GetFlag()
	want := map[string]string{
		"int": "a whole number", "int64": "a whole number", "uint64": "a whole number from 0", "float64": "a number",
		"bool": "true or false", "duration": "a time span such as 2s or 12h",
	}[flag.Value.Type()]
	if want == "" {
		return usagef("--%s %s: %w", flag.Name, bad.GetValue(), bad.Unwrap())
	}
	return usagef("--%s %s: want %s", flag.Name, bad.GetValue(), want)
}

// command builds the tree of verbs.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "metaxy",
		Short: "Feature metadata: what is held, what is stale, what a change will cost",
		Long: `metaxy works with stores of feature metadata.

It looks for metaxy.toml in this folder and above. The file names stores and the
layers around them, and the files that declare features. --store names one of the
stores, or is the URL of a bare one, such as duckdb://dev.duckdb; the file, if there
is one, then declares the features alone.

A store that asks who you are takes the API token in METAXY_TOKEN, or that
--token says where to find.

Exit codes: 0 clean, 1 an error, 2 the answer is no or not yet: something is to be
computed or retired (plan, resolve and dry runs), samples wait for their upstream,
rows are under old keys, a catalog differs from its store, access is denied, an
expectation is not met, an audit trail is broken.`,
		Example: `  metaxy plan                        what has to be computed again, everywhere
  metaxy read video/crop --limit 5   a look at the rows
  metaxy stack prod                  how the store prod is built`,
		SilenceErrors: true, SilenceUsage: true,
		Args: knownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", "", "configuration file (default: metaxy.toml here or above)")
	flags.StringVarP(&a.storeName, "store", "s", "", "store of the configuration, or a URL (default: the file's default)")
	flags.StringSliceVar(&a.featureFiles, "features", nil, "files that declare features (default: the configuration's)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print no progress and no summary")
	flags.BoolVar(&a.noColor, "no-color", false, "no colors (also: NO_COLOR in the environment)")
	flags.BoolVar(&a.local, "local", false, "leave out the stores that this one falls back to")
	a.token.flag = "token"
	flags.StringVar(&a.token.ref, "token", "", "where your API token is: env:NAME or file:PATH (default: env:"+tokenVariable+")")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.AddCommand(
		a.featuresCommand(), a.showCommand(), a.readCommand(), a.writeCommand(), a.evolveCommand(), a.resolveCommand(),
		a.planCommand(), a.scanCommand(), a.retireCommand(), a.keysCommand(), a.accessCommand(), a.auditCommand(), a.catalogCommand(),
		a.stackCommand(), a.configCommand(), a.serveCommand(), a.versionCommand(),
	)
	return root
}
