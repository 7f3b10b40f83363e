package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
)

func (a *app) configCommand() *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Check the configuration, list its keys"}, &cobra.Command{
		Use:   "check [STORE…]",
		Short: "Report every mistake in the configuration at once",
		Long: `Report every mistake in metaxy.toml at once: unknown keys, values that make no
sense, circles, stacks that break a rule, backends that this program lacks, and
the files of features. Nothing is opened.

Without mistakes it prints ok and the stores, with the variables and secrets
that each needs and that are not here. Where stores are named, what they need
must be here.`,
		Example: `  metaxy config check
  metaxy config check prod`,
		RunE: func(_ *cobra.Command, args []string) error { return a.checkConfig(args) },
	}, &cobra.Command{
		Use:     "keys",
		Short:   "List every table and key of metaxy.toml, as Markdown",
		Example: `  metaxy config keys`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, config.Reference())
			return err
		},
	})
}

func (a *app) checkConfig(stores []string) error {
	path := a.configPath
	if path == "" {
		var err error
		if path, err = config.Find("."); err != nil {
			return fmt.Errorf("%w: %w", errNoConfig, err)
		}
		path = shorter(path)
	}
	cfg, err := config.Check(path, registry())
	if err != nil {
		return err
	}
	var lacking []error
	for _, name := range stores {
		needs, err := cfg.Needs(name)
		if err == nil && len(needs) > 0 {
			err = usagef("store %s needs what is not here: %s", name, strings.Join(needs, ", "))
		}
		lacking = append(lacking, err)
	}
	if err := errors.Join(lacking...); err != nil {
		return err
	}
	if a.quiet {
		return nil
	}
	a.say("ok  %s", path)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, name := range cfg.Names() {
		line, err := summary(cfg, name)
		if err != nil {
			return err
		}
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

// shorter gives a path from the working directory on, for messages.
func shorter(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil {
		return path
	}
	return rel
}

// summary is a store on one line: its name, backend, layers and lacks.
func summary(cfg *config.Config, name string) (string, error) {
	needs, err := cfg.Needs(name)
	if err != nil {
		return "", err
	}
	label := name
	if name == cfg.Default {
		label += " (default)"
	}
	drawn, err := cfg.Describe(name)
	if err != nil { // a layer has a variable that is not set
		return fmt.Sprintf("%s\t?\tneeds %s", label, strings.Join(needs, ", ")), nil //nolint:nilerr // it is told what is missing
	}
	d := drawn.Description
	var layers []string
	for _, l := range d.Layers {
		word := l.Name
		if len(l.Legs) > 0 {
			word += " to " + l.Summary
		}
		layers = append(layers, word)
	}
	line := label + "\t" + d.Backend + "\t" + strings.Join(layers, " · ")
	if len(needs) > 0 {
		line += "  needs " + strings.Join(needs, ", ")
	}
	return strings.TrimRight(line, "\t "), nil
}
