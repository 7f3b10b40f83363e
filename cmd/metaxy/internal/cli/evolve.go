package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

func (a *app) evolveCommand() *cobra.Command {
	var m migration
	cmd := &cobra.Command{
		Use:   "evolve KEY",
		Short: "Change the columns of a feature: add, widen, rename",
		Long: `Change the columns that the store holds of a feature: all of the changes, in the
order in which they are given, or none. No row becomes stale, and the history
stays readable.

--add brings a column that is null in the rows that are there. --widen takes a type
that holds every old value: int8 to int64, int32 to float64, float32 to float64.
Nothing that was written is lost, so columns are neither dropped nor narrowed. Id
columns and data_version do not change; containers come with the rows that bring
them.

` + typesHelp() + `

With --dry-run nothing is changed, and exit code 2 says that something would be.`,
		Example: `  metaxy evolve video/raw --add region=string --add frames=int32
  metaxy evolve video/raw --widen frames=int64 --rename frames=frame_count --dry-run`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.evolve(cmd, args[0], m) },
	}
	for _, c := range []struct {
		kind  core.ChangeKind
		usage string
	}{
		{core.AddColumn, "a column that is new"},
		{core.WidenColumn, "a wider type for a column"},
		{core.RenameColumn, "another name for a column"},
	} {
		v := &changeFlag{kind: c.kind, into: &m.changes}
		cmd.Flags().Var(v, c.kind.String(), c.usage+"; may be repeated")
	}
	cmd.Flags().BoolVar(&m.dry, "dry-run", false, "say what would change, and change nothing")
	return cmd
}

// migration are the flags of evolve.
type migration struct {
	changes []core.SchemaChange
	dry     bool
}

// changeFlag appends to a list that all kinds share, so that the order of the
// command line is that of the changes.
type changeFlag struct {
	kind core.ChangeKind
	into *[]core.SchemaChange
}

func (f *changeFlag) String() string { return "" }

func (f *changeFlag) Type() string {
	if f.kind == core.RenameColumn {
		return "OLD=NEW"
	}
	return "NAME=TYPE"
}

func (f *changeFlag) Set(text string) error {
	column, value, ok := strings.Cut(text, "=")
	if !ok || column == "" || value == "" {
		return fmt.Errorf("want %s", f.Type())
	}
	c := core.SchemaChange{Kind: f.kind, Column: column}
	if f.kind == core.RenameColumn {
		c.To = value
	} else {
		t, err := rowio.ParseType(value)
		if err != nil {
			return err
		}
		c.Type = t
	}
	*f.into = append(*f.into, c)
	return nil
}

func (a *app) evolve(cmd *cobra.Command, key string, m migration) error {
	k, err := core.ParseKey(key)
	if err != nil {
		return err
	}
	if len(m.changes) == 0 {
		return usagef("which columns? Give --add, --widen or --rename")
	}
	s, err := a.open(cmd)
	if err != nil {
		return err
	}
	return a.migrate(cmd.Context(), s, k, m)
}

func (a *app) migrate(ctx context.Context, s core.Store, key core.FeatureKey, m migration) error {
	info, err := s.Stat(ctx, core.StatRequest{Key: key, Local: true})
	if err != nil {
		return a.near(ctx, s, key, err)
	}
	req := core.EvolveRequest{Key: key, Base: info.SchemaVersion, Changes: m.changes}
	if _, err := req.Apply(info); err != nil { // said before the store is asked for anything
		return err
	}
	head := fmt.Sprintf("%s: would change schema %d", key, info.SchemaVersion)
	if !m.dry {
		done, err := s.Evolve(ctx, req)
		if errors.Is(err, core.ErrConflict) {
			return fmt.Errorf("%w (metaxy show %s tells what the columns are now; then say it again)", err, key)
		}
		if err != nil {
			return err
		}
		head = fmt.Sprintf("%s: schema %d", key, done.SchemaVersion)
	}
	a.say("%s", head)
	for _, line := range changesOf(info.Schema, m.changes) {
		a.say("  %s", line)
	}
	if m.dry {
		return errStale
	}
	return nil
}

// changesOf says each change with what it replaces, following a column
// through the changes before.
func changesOf(schema *arrow.Schema, changes []core.SchemaChange) []string {
	types := map[string]arrow.DataType{}
	for _, f := range schema.Fields() {
		types[f.Name] = f.Type
	}
	var lines []string
	for _, c := range changes {
		switch c.Kind {
		case core.AddColumn:
			lines = append(lines, fmt.Sprintf("add %s (%s)", c.Column, typeText(c.Type)))
			types[c.Column] = c.Type
		case core.WidenColumn:
			lines = append(lines, fmt.Sprintf("widen %s from %s to %s", c.Column, typeText(types[c.Column]), typeText(c.Type)))
			types[c.Column] = c.Type
		case core.RenameColumn:
			lines = append(lines, fmt.Sprintf("rename %s to %s", c.Column, c.To))
			types[c.To] = types[c.Column]
			delete(types, c.Column)
		}
	}
	return lines
}

// typeText is the name that --add takes, or Arrow's where there is none.
func typeText(t arrow.DataType) string {
	if name, ok := rowio.TypeName(t); ok {
		return name
	}
	return t.String()
}

// evolveFirst says, of rows that the store refused, which call would make it
// take their columns.
func evolveFirst(err error, key core.FeatureKey, held, rows *arrow.Schema) error {
	if held == nil || !errors.Is(err, core.ErrInvalid) {
		return err
	}
	var flags []string
	for _, f := range rows.Fields() {
		at := slices.IndexFunc(held.Fields(), func(h arrow.Field) bool { return h.Name == f.Name })
		name, known := rowio.TypeName(f.Type)
		switch {
		case f.Name == core.ColDataVersion || core.IsReserved(f.Name) || !known:
		case at < 0:
			flags = append(flags, "--add "+shellWord(f.Name+"="+name))
		case core.Widens(held.Field(at).Type, f.Type):
			flags = append(flags, "--widen "+shellWord(f.Name+"="+name))
		}
	}
	if len(flags) == 0 {
		return err
	}
	return fmt.Errorf("%w (metaxy evolve %s %s)", err, key, strings.Join(flags, " "))
}
