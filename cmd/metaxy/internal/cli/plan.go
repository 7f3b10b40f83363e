package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/plan"
)

func (a *app) planCommand() *cobra.Command {
	var in incoming
	var with []string
	var format string
	cmd := &cobra.Command{
		Use:   "plan [KEY...]",
		Short: "Tell what a change will cost downstream, before anything runs",
		Long: `For every feature (or for KEYs and what is downstream of them), as if each of its
upstreams had been recomputed already: how many samples will be new, stale,
orphaned and unchanged.

"row-level" is what would be recomputed if versions were of whole rows, "saved"
how many of these recomputations versions of containers spare. A number after ≥
is a lower bound, one after ≈ an estimate: what depends on rows that only a
computation can make (the children of a 1:N dependency, computed columns) is not
known before. In JSON such a feature has "at_least".

--with KEY=FILE plans for rows that a root feature does not hold yet.

Exit code 2 says that there is something to compute or retire, or that a feature
is blocked, by an upstream that holds nothing for instance: what it has to compute
is still to come. A root feature that holds nothing, and of which nothing else is
made, is no reason: its rows come from outside. KEYs leave features out that are
not used yet.`,
		Example: `  metaxy plan
  metaxy plan video/raw
  metaxy plan --with openmoji/source=openmoji-17.csv --version color=color_sha256
  metaxy plan -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return usagef("unknown format %q; there are table, json", format)
			}
			r, err := a.foretell(cmd, args, with, in)
			if err != nil {
				return err
			}
			if err := a.printReport(r, format); err != nil {
				return err
			}
			if !r.Clean() {
				return errStale
			}
			return nil
		},
	}
	in.flags(cmd)
	cmd.Flags().StringArrayVar(&with, "with", nil, "KEY=FILE: rows that a root feature is going to hold; may be repeated")
	cmd.Flags().StringVarP(&format, "format", "o", "table", "table or json")
	return cmd
}

func (a *app) foretell(cmd *cobra.Command, keys, with []string, in incoming) (plan.Report, error) {
	g, err := a.declared()
	if err != nil {
		return plan.Report{}, err
	}
	s, err := a.open(cmd)
	if err != nil {
		return plan.Report{}, err
	}
	var opts []plan.Option
	for _, k := range keys {
		opts = append(opts, plan.Downstream(core.FeatureKey(k)))
	}
	if a.local {
		opts = append(opts, plan.Local())
	}
	for _, w := range with {
		key, path, ok := strings.Cut(w, "=")
		if !ok {
			return plan.Report{}, usagef("--with %s: want KEY=FILE", w)
		}
		p, err := g.Plan(core.FeatureKey(key))
		if err != nil {
			return plan.Report{}, err
		}
		held, err := heldSchema(cmd.Context(), s, p.Key())
		if err != nil {
			return plan.Report{}, err
		}
		rows, err := in.open(a, path, p, held)
		if err != nil {
			return plan.Report{}, err
		}
		opts = append(opts, plan.Samples(p.Key(), rows))
	}
	bar := a.progress("planning", int64(len(g.Keys())))
	defer bar.done()
	opts = append(opts, plan.Progress(func(k core.FeatureKey) {
		bar.describe("planning " + string(k))
		bar.add(1)
	}))
	return plan.Graph(cmd.Context(), s, g, opts...)
}

func (a *app) printReport(r plan.Report, format string) error {
	if format == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	lines := strings.Split(strings.TrimSuffix(r.String(), "\n"), "\n")
	for i, l := range lines {
		switch {
		case i == 0:
			l = a.color(bold, l)
		case !r.Features[i-1].Clean():
			l = a.color(yellow, l)
		}
		if _, err := fmt.Fprintln(a.out, l); err != nil {
			return err
		}
	}
	return nil
}
