package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
)

// catalogView is what catalog show tells; it is its JSON as well.
type catalogView struct {
	Feature    core.FeatureKey  `json:"feature"`
	Commits    int64            `json:"commits"`
	Generation int64            `json:"generation"`
	Rows       int64            `json:"rows"`
	Samples    *int64           `json:"samples,omitempty"`
	Last       string           `json:"materialized,omitempty"`
	Keeps      string           `json:"keeps"`
	Note       string           `json:"note,omitempty"`
	Containers []containerTally `json:"containers"`
}

type containerTally struct {
	Name     string `json:"name"`
	Rows     int64  `json:"rows"`
	Versions *int64 `json:"versions,omitempty"`
}

func viewOf(e catalog.Entry) catalogView {
	v := catalogView{
		Feature: e.Key, Commits: e.Commits, Generation: e.Generation, Rows: e.Rows, Last: instant(e.Last), Note: noteOf(e),
		Keeps: map[catalog.Mode]string{catalog.Exact: "exact versions", catalog.Filter: "a filter of versions", catalog.Counts: "counts"}[e.Mode],
	}
	if e.Info.Generation == e.Generation && e.Info.Rows >= 0 {
		v.Samples = &e.Info.Rows
	}
	for _, c := range e.Containers {
		t := containerTally{Name: c.Container, Rows: c.Rows}
		if c.Versions >= 0 {
			t.Versions = &c.Versions
		}
		v.Containers = append(v.Containers, t)
	}
	return v
}

func (a *app) catalogShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show KEY",
		Short:   "Show what the catalog knows of a feature",
		Example: `  metaxy catalog show video/crop`,
		Args:    exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, e, err := a.catalogued(cmd, args[0])
			if err != nil {
				return err
			}
			v := viewOf(e)
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(v)
			}
			fmt.Fprintf(a.out, "%s: %s, %s written", v.Feature, howMany(v.Commits, "commit"), howMany(v.Rows, "row"))
			if v.Samples != nil {
				fmt.Fprintf(a.out, ", %s now", howMany(*v.Samples, "sample"))
			}
			fmt.Fprintf(a.out, "; last %s; keeps %s\n", v.Last, v.Keeps)
			if v.Note != "" {
				fmt.Fprintf(a.out, "note: %s\n", v.Note)
			}
			for _, c := range v.Containers {
				fmt.Fprintf(a.out, "  %s: %s", c.Name, howMany(c.Rows, "row"))
				if c.Versions != nil {
					fmt.Fprintf(a.out, " with %s", howMany(*c.Versions, "version"))
				}
				fmt.Fprintln(a.out)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
