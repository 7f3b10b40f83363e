package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

func (a *app) catalogHasCommand() *cobra.Command {
	var container, version string
	cmd := &cobra.Command{
		Use:   "has KEY",
		Short: "Ask whether a feature, a container of it or a data version was ever written",
		Long: `Ask whether a feature was ever written, with --container or --version one of its
rows. What the catalog cannot say for certain the store is asked: exit code 0 is
yes, 2 is no.`,
		Example: `  metaxy catalog has video/crop
  metaxy catalog has video/crop --container frames --version 9f86d081884c7d65 && echo skip`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, _, err := a.seen(cmd, args[0])
			if err != nil {
				return err
			}
			var conditions []catalog.Condition
			if cmd.Flags().Changed("container") {
				conditions = append(conditions, catalog.InContainer(container))
			}
			if cmd.Flags().Changed("version") {
				conditions = append(conditions, catalog.WithVersion(version))
			}
			there, err := a.opened.Catalog.HasFeature(cmd.Context(), key, conditions...)
			switch {
			case err != nil:
				return err
			case !there:
				a.say("no")
				return errStale
			}
			a.say("yes")
			return nil
		},
	}
	cmd.Flags().StringVar(&container, "container", "", "in this container")
	cmd.Flags().StringVar(&version, "version", "", "with this data version")
	return cmd
}

var errUnfilled = errors.New("the catalog is empty and the store is not: metaxy catalog reconcile fills it")

// fill asks the store for something where the catalog knows nothing at all: the
// first use of a store registers what is missing. It reports whether the catalog
// is empty and the store is not even so.
func (a *app) fill(ctx context.Context, c catalog.Catalog) bool {
	empty := func() bool {
		for _, err := range c.Features(ctx, catalog.Query{Limit: 1}) {
			_ = err // the question itself will tell
			return false
		}
		return true
	}
	if !empty() {
		return false
	}
	for _, err := range a.opened.Stack.List(ctx, core.ListRequest{Local: true}) {
		return err == nil && empty()
	}
	return false
}
