package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/layers/catalog"
)

func (a *app) catalogVersionsCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "versions KEY",
		Short: "List the data versions that were written, with their rows",
		Example: `  metaxy catalog versions video/crop
  metaxy catalog versions video/crop --output versions.arrow`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, e, err := a.catalogued(cmd, args[0])
			if err != nil {
				return err
			}
			rows, err := c.MaterializationInfo(cmd.Context(), e.Key)
			if err != nil {
				return err
			}
			return a.print(o, rows)
		},
	}
	o.flags(cmd)
	return cmd
}

func (a *app) catalogHistoryCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "history KEY",
		Short: "List the commits of a feature: when, how many rows, by whom",
		Example: `  metaxy catalog history video/crop
  metaxy catalog history video/crop -o json`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, e, err := a.catalogued(cmd, args[0])
			if err != nil {
				return err
			}
			l := newListing(numberColumn("commit"), textColumn("time"), numberColumn("rows"), numberColumn("retired"), textColumn("id"), textColumn("by"))
			for m, err := range c.History(cmd.Context(), e.Key) {
				if err != nil {
					return err
				}
				var rows, retired any
				if m.Commit.Tombstones {
					retired = m.Commit.Rows
				} else {
					rows = m.Commit.Rows
				}
				l.add(m.Commit.Seq, instant(m.Commit.Time), rows, retired, m.Commit.ID, m.Identity)
			}
			return a.print(o, l.rows())
		},
	}
	o.flags(cmd)
	return cmd
}

func (a *app) catalogFindCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "find [EXPRESSION]",
		Short: "Search the catalog by an expression",
		Long: `Search the catalog. There is a row for each container of each feature, with the
columns feature, container, data_version, sample_count, materialized_at,
generation and rows. Only an expression that names data_version gives one for
each version instead; else that column is null.`,
		Example: `  metaxy catalog find "rows > 1000 AND materialized_at < TIMESTAMP '2026-01-01'"
  metaxy catalog find "data_version = '9f86d081884c7d65'"
  metaxy catalog find "starts_with(feature, 'video/')" -o arrow`,
		RunE: func(cmd *cobra.Command, args []string) error {
			where, err := filter(strings.Join(args, " "))
			if err != nil {
				return err
			}
			c, err := a.catalog(cmd)
			if err != nil {
				return err
			}
			rows, err := catalog.Find(cmd.Context(), c, where)
			if err != nil {
				return err
			}
			return a.print(o, rows)
		},
	}
	o.flags(cmd)
	return cmd
}
