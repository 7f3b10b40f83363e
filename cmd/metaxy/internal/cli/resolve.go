package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
)

func (a *app) resolveCommand() *cobra.Command {
	var in incoming
	o := output{null: "null"}
	var r resolving
	cmd := &cobra.Command{
		Use:   "resolve KEY",
		Short: "Tell what a feature has to compute, given what its upstream holds",
		Long: `Compare what a feature should hold with what it holds: which samples are new,
stale (and by which containers) or orphaned. A root feature needs --samples, a
file that says what it should hold.

--rows prints the samples themselves, with their fresh data_version.
Exit code 2 says that there is something to compute or retire.`,
		Example: `  metaxy resolve video/crop
  metaxy resolve video/crop --rows stale -o csv
  metaxy resolve video/crop --rows new --columns path --output todo.parquet
  metaxy resolve video/raw --samples videos.csv --version default=sha256`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.resolve(cmd, args[0], in, o, r) },
	}
	in.flags(cmd)
	o.flags(cmd)
	cmd.Flags().StringVar(&r.rows, "rows", "", "print the samples that are new, stale, orphaned or missing")
	cmd.Flags().StringSliceVar(&r.columns, "columns", nil, "upstream columns that new and stale samples carry")
	cmd.Flags().StringVar(&r.filter, "filter", "", "condition on id columns that samples must meet")
	cmd.Flags().StringVar(&r.samples, "samples", "", "file of what a root feature should hold")
	return cmd
}

// resolving are the flags of resolve.
type resolving struct {
	rows, filter, samples string
	columns               []string
}

func (a *app) resolve(cmd *cobra.Command, key string, in incoming, o output, r resolving) error {
	if kinds := []string{"", "new", "stale", "orphaned", "missing"}; !slices.Contains(kinds, r.rows) {
		return usagef("--rows %s: there are %s", r.rows, strings.Join(kinds[1:], ", "))
	}
	if r.rows == "" && o.format != "" && o.format != "table" && o.format != "json" {
		return usagef("counts are printed as table or json; %s is for --rows", o.format)
	}
	p, err := a.plan(key)
	if err != nil {
		return err
	}
	if p.Root() && r.samples == "" {
		return usagef("feature %s has no upstream: --samples FILE says what it should hold", key)
	}
	e, err := filter(r.filter)
	if err != nil {
		return err
	}
	s, err := a.open(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	req := core.ResolveRequest{Plan: p, Columns: r.columns, Filter: e, Local: a.local}
	if r.samples != "" {
		held, err := heldSchema(ctx, s, p.Key())
		if err != nil {
			return err
		}
		if req.Samples, err = in.open(a, r.samples, p, held); err != nil {
			return err
		}
	}
	bar := a.progress("resolving "+key, -1)
	inc, err := s.Resolve(ctx, req)
	bar.done()
	if err != nil {
		return err
	}
	switch r.rows {
	case "":
		err = a.printStats(o, p.Key(), inc.Stats)
	case "new":
		err = a.print(o, inc.New)
	case "stale":
		err = a.print(o, inc.Stale)
	case "orphaned":
		err = a.print(o, inc.Orphaned)
	case "missing":
		err = a.print(o, inc.Missing)
	}
	if err == nil && !inc.Stats.Clean() {
		err = errStale
	}
	return err
}

// statsView is the JSON of a resolve's counts.
type statsView struct {
	Feature   core.FeatureKey  `json:"feature"`
	New       int64            `json:"new"`
	Stale     int64            `json:"stale"`
	Orphaned  int64            `json:"orphaned"`
	Unchanged int64            `json:"unchanged"`
	Missing   int64            `json:"missing"`
	StaleBy   map[string]int64 `json:"stale_by,omitempty"`
}

func (a *app) printStats(o output, key core.FeatureKey, s core.Stats) error {
	if o.format == "json" {
		return json.NewEncoder(a.out).Encode(statsView{key, s.New, s.Stale, s.Orphaned, s.Unchanged, s.Missing, s.StaleBy})
	}
	by := ""
	if len(s.StaleBy) > 0 {
		var parts []string
		for _, c := range slices.Sorted(maps.Keys(s.StaleBy)) {
			parts = append(parts, fmt.Sprintf("%s %d", c, s.StaleBy[c]))
		}
		by = "  (" + strings.Join(parts, ", ") + ")"
	}
	paint := yellow
	if s.Clean() {
		paint = green
	}
	fmt.Fprintln(a.out, a.color(bold, string(key)))
	for _, line := range []struct {
		name  string
		n     int64
		extra string
	}{{"new", s.New, ""}, {"stale", s.Stale, by}, {"orphaned", s.Orphaned, ""}, {"unchanged", s.Unchanged, ""}, {"missing", s.Missing, ""}} {
		text := fmt.Sprintf("  %-9s  %8d%s", line.name, line.n, line.extra)
		if line.n > 0 && line.name != "unchanged" && line.name != "missing" || s.Clean() {
			text = a.color(paint, text)
		}
		if _, err := fmt.Fprintln(a.out, text); err != nil {
			return err
		}
	}
	return nil
}
