package cli

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
)

func (a *app) featuresCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "features [PREFIX]",
		Short: "List the features that are held or declared",
		Long: `List the features: those that the store holds, with their samples and commits,
and those that a feature file declares. A feature's state is

  current     held, with the version that is declared
  outdated    held with another version: its code or its upstream's was changed
  declared    declared, and nothing is held yet
  undeclared  held, and no file declares it`,
		Example: `  metaxy features
  metaxy features video/
  metaxy features -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			prefix := ""
			if len(args) == 1 {
				prefix = args[0]
			}
			rows, err := a.features(cmd, prefix)
			if err != nil {
				return err
			}
			return a.print(o, rows)
		},
	}
	o.flags(cmd)
	return cmd
}

func (a *app) features(cmd *cobra.Command, prefix string) (core.Rows, error) {
	g, err := a.declaredOrNone()
	if err != nil {
		return core.Rows{}, err
	}
	s, err := a.open(cmd)
	if err != nil {
		return core.Rows{}, err
	}
	held := map[core.FeatureKey]core.Info{}
	for info, err := range s.List(cmd.Context(), core.ListRequest{Prefix: prefix, Local: a.local}) {
		if err != nil {
			return core.Rows{}, err
		}
		held[info.Key] = info
	}
	keys := slices.Collect(maps.Keys(held))
	for _, k := range g.Keys() {
		if _, ok := held[k]; !ok && strings.HasPrefix(string(k), prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	l := newListing(
		textColumn("feature"), textColumn("state"), numberColumn("samples"), numberColumn("commits"),
		textColumn("containers"), textColumn("from"), textColumn("modified"),
	)
	for _, k := range keys {
		info, isHeld := held[k]
		spec, isDeclared := g.Feature(k)
		if !isHeld {
			l.add(string(k), "declared", nil, nil, containerNames(spec), "", "")
			continue
		}
		var samples any
		if info.Rows >= 0 {
			samples = info.Rows
		}
		state := "undeclared"
		if isDeclared {
			state = "outdated"
			if p, err := g.Plan(k); err == nil && p.Version == info.FeatureVersion {
				state = "current"
			}
		}
		l.add(string(k), state, samples, info.Generation, strings.Join(info.Containers, " "), info.Origin, info.Modified.UTC().Format(time.RFC3339))
	}
	return l.rows(), nil
}

func containerNames(f core.FeatureSpec) string {
	var names []string
	for _, c := range f.Containers {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}
