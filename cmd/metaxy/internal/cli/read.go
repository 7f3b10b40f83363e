package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
)

func (a *app) readCommand() *cobra.Command {
	o := output{null: "null"}
	var where, asOf string
	var columns []string
	var history, explain bool
	var limit int64
	cmd := &cobra.Command{
		Use:   "read KEY",
		Short: "Read the rows of a feature",
		Long: `Read the latest row of each sample. Filters are SQL conditions; fields of
data_version are written data_version.frames, system columns such as
metaxy_commit can be filtered and, with --columns, shown.

--as-of takes a commit's number, a date or a time such as 2026-01-02T03:04:05Z.`,
		Example: `  metaxy read video/crop --limit 10
  metaxy read video/crop --filter "region = 'us-west' AND frames > 100"
  metaxy read video/crop --columns sample_id,data_version -o csv
  metaxy read video/crop --as-of 3 --output then.parquet
  metaxy read video/crop --history --columns sample_id,metaxy_commit,metaxy_deleted`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := core.ParseKey(args[0])
			if err != nil {
				return err
			}
			e, err := filter(where)
			if err != nil {
				return err
			}
			at, err := parseAsOf(asOf)
			if err != nil {
				return err
			}
			s, err := a.open(cmd)
			if err != nil {
				return err
			}
			f := core.Scan(s, key).Filter(e).Select(columns...).AsOf(at)
			if history {
				f = f.History()
			}
			if a.local {
				f = f.Local()
			}
			if limit >= 0 {
				f = f.Limit(limit)
			}
			if explain {
				_, err := fmt.Fprint(a.out, f.Explain())
				return err
			}
			rows, err := f.Rows(cmd.Context())
			if err != nil {
				return a.near(cmd.Context(), s, key, err)
			}
			return a.print(o, rows)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&where, "filter", "", "condition that rows must meet")
	cmd.Flags().StringSliceVar(&columns, "columns", nil, "columns to read, in this order (default: all but system columns)")
	cmd.Flags().StringVar(&asOf, "as-of", "", "read the past: a commit's number or a time")
	cmd.Flags().BoolVar(&history, "history", false, "every row ever written, tombstones included")
	cmd.Flags().Int64Var(&limit, "limit", -1, "read at most this many rows")
	cmd.Flags().Lookup("limit").DefValue = "all"
	cmd.Flags().BoolVar(&explain, "explain", false, "say what the store will answer and what remains, and read nothing")
	return cmd
}

// parseAsOf reads a commit's number or a time; "" is the present.
func parseAsOf(text string) (core.AsOf, error) {
	if text == "" {
		return core.AsOf{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n < 1 {
			return core.AsOf{}, usagef("--as-of: commits are numbered from 1")
		}
		return core.AtCommit(n), nil
	}
	if t, err := parseTime(text); err == nil {
		return core.AtTime(t), nil
	}
	return core.AsOf{}, usagef("--as-of: want a commit's number, or a time such as 2026-01-02 or 2026-01-02T03:04:05Z")
}
