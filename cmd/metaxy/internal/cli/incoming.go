package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

// incoming says how a file of rows is to be understood.
type incoming struct {
	format   string
	types    []string
	versions []string
	hashes   []string
}

func (in *incoming) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&in.format, "from", "", "format of the file: one of "+formatsHelp(rowio.Inputs())+" (default: what its ending says)")
	cmd.Flags().StringArrayVar(&in.types, "type", nil, "COLUMN=TYPE: type of a CSV or JSON column that would be inferred otherwise, such as int64 or string; may be repeated")
	cmd.Flags().StringArrayVar(&in.versions, "version", nil, "CONTAINER=COLUMN: take the data version from a column; may be repeated")
	cmd.Flags().StringArrayVar(&in.hashes, "hash", nil, "CONTAINER=COLUMN,COLUMN: take the hash of columns as data version; may be repeated")
}

// open reads a file, or stdin for "-". A held schema gives the types that text
// cannot tell.
func (in *incoming) open(a *app, path string, plan *core.Plan, held *arrow.Schema) (core.Rows, error) {
	types := map[string]arrow.DataType{}
	if held != nil {
		for _, f := range held.Fields() {
			types[f.Name] = f.Type
		}
	}
	for _, t := range in.types {
		column, name, ok := strings.Cut(t, "=")
		if !ok {
			return core.Rows{}, usagef("--type %s: want COLUMN=TYPE", t)
		}
		dt, err := rowio.ParseType(name)
		if err != nil {
			return core.Rows{}, err
		}
		types[column] = dt
	}
	format, err := in.formatOf(path)
	if err != nil {
		return core.Rows{}, err
	}
	var rows core.Rows
	if path == "-" {
		rows, err = rowio.Read(a.in, "stdin", format, rowio.WithTypes(types))
	} else {
		rows, err = rowio.OpenAs(path, format, rowio.WithTypes(types))
	}
	if err != nil {
		return core.Rows{}, err
	}
	of, err := in.versionsOf(plan)
	if err != nil || len(of) == 0 {
		return rows, err
	}
	if path == "-" {
		path = "stdin"
	}
	if rows.Schema.HasField(core.ColDataVersion) {
		return core.Rows{}, usagef("%s brings data_version itself: leave out %s, or the columns of data_version", path, strings.Join(in.versionFlags(), " and "))
	}
	if rows, err = rowio.WithVersions(rows, of...); err != nil {
		return core.Rows{}, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// versionFlags names those of --version and --hash that are given.
func (in *incoming) versionFlags() []string {
	var flags []string
	if len(in.versions) > 0 {
		flags = append(flags, "--version")
	}
	if len(in.hashes) > 0 {
		flags = append(flags, "--hash")
	}
	return flags
}

func (in *incoming) formatOf(path string) (rowio.Format, error) {
	if in.format != "" {
		return rowio.ParseInput(in.format)
	}
	if path == "-" {
		return "", usagef("rows from stdin: say their format with --from")
	}
	return rowio.FormatOf(path)
}

// versionsOf reads --version and --hash, in the order of the plan's containers.
func (in *incoming) versionsOf(plan *core.Plan) ([]rowio.VersionOf, error) {
	var out []rowio.VersionOf
	for _, v := range in.versions {
		container, column, ok := strings.Cut(v, "=")
		if !ok || column == "" {
			return nil, usagef("--version %s: want CONTAINER=COLUMN", v)
		}
		out = append(out, rowio.FromColumn(container, column))
	}
	for _, v := range in.hashes {
		container, columns, ok := strings.Cut(v, "=")
		if !ok || columns == "" {
			return nil, usagef("--hash %s: want CONTAINER=COLUMN,COLUMN", v)
		}
		out = append(out, rowio.HashOf(container, strings.Split(columns, ",")...))
	}
	if plan != nil {
		names := plan.ContainerNames()
		slices.SortStableFunc(out, func(x, y rowio.VersionOf) int {
			return cmp.Compare(slices.Index(names, x.Container), slices.Index(names, y.Container))
		})
	}
	return out, nil
}
