package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
)

func (a *app) showCommand() *cobra.Command {
	var commits int
	var format string
	cmd := &cobra.Command{
		Use:   "show KEY",
		Short: "Show a feature: columns, containers, versions, commits",
		Example: `  metaxy show video/crop
  metaxy show video/crop --commits -1
  metaxy show video/crop -o json`,
		Args: exactly("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usagef("unknown format %q; there are text, json", format)
			}
			v, err := a.look(cmd, args[0], commits)
			if err != nil {
				return err
			}
			if format == "json" {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(v)
			}
			return v.print(a.out)
		},
	}
	cmd.Flags().IntVar(&commits, "commits", 10, "how many of the last commits to show, -1 for all")
	cmd.Flags().StringVarP(&format, "format", "o", "text", "text or json")
	return cmd
}

// featureView is what show tells; it is its JSON as well.
type featureView struct {
	Feature       core.FeatureKey  `json:"feature"`
	Description   string           `json:"description,omitempty"`
	State         string           `json:"state"`
	ID            []string         `json:"id"`
	Samples       *int64           `json:"samples,omitempty"`
	Bytes         int64            `json:"bytes,omitempty"`
	Origin        string           `json:"from,omitempty"`
	HeldVersion   string           `json:"held_version,omitempty"`
	SpecVersion   string           `json:"declared_version,omitempty"`
	SchemaVersion int              `json:"schema_version,omitempty"`
	Columns       []columnView     `json:"columns,omitempty"`
	Containers    []containerView  `json:"containers"`
	Dependencies  []dependencyView `json:"depends_on,omitempty"`
	Downstream    []string         `json:"downstream,omitempty"`
	Commits       []commitView     `json:"commits,omitempty"`
}

type columnView struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type containerView struct {
	Name string   `json:"name"`
	Code string   `json:"code,omitempty"`
	From []string `json:"from,omitempty"`
}

type dependencyView struct {
	Feature  core.FeatureKey `json:"feature"`
	Lineage  string          `json:"lineage"`
	Optional bool            `json:"optional,omitempty"`
	Where    string          `json:"where,omitempty"`
}

type commitView struct {
	Seq        int64      `json:"seq"`
	Rows       int64      `json:"rows"`
	Time       time.Time  `json:"time"`
	Tombstones bool       `json:"tombstones,omitempty"`
	ID         string     `json:"id,omitempty"`
	Basis      core.Basis `json:"basis,omitempty"`
}

func (a *app) look(cmd *cobra.Command, key string, commits int) (featureView, error) {
	k, err := core.ParseKey(key)
	if err != nil {
		return featureView{}, err
	}
	g, err := a.declaredOrNone()
	if err != nil {
		return featureView{}, err
	}
	s, err := a.open(cmd)
	if err != nil {
		return featureView{}, err
	}
	v := featureView{Feature: k, State: "undeclared"}
	p, planErr := g.Plan(k)
	if planErr == nil {
		v.State = "declared"
		v.declared(g, p)
	}
	info, err := s.Stat(cmd.Context(), core.StatRequest{Key: k, Commits: commits, Local: a.local})
	if errors.Is(err, core.ErrFeatureNotFound) && planErr == nil {
		return v, nil
	}
	if err != nil {
		return v, a.near(cmd.Context(), s, k, err)
	}
	v.held(info)
	if planErr == nil {
		v.State = "outdated"
		if p.Version == info.FeatureVersion {
			v.State = "current"
		}
	}
	return v, nil
}

func (v *featureView) declared(g *core.Graph, p *core.Plan) {
	v.Description, v.ID, v.SpecVersion = p.Feature.Description, p.Feature.ID, p.Version
	for _, c := range p.Containers {
		cv := containerView{Name: c.Name, Code: c.Code}
		for _, in := range c.Inputs {
			cv.From = append(cv.From, string(in.Feature)+":"+in.Container)
		}
		v.Containers = append(v.Containers, cv)
	}
	for _, u := range p.Upstream {
		d := dependencyView{Feature: u.Feature, Lineage: u.Lineage.String(), Optional: u.Optional}
		if u.Filter != nil {
			d.Where = u.Filter.String()
		}
		v.Dependencies = append(v.Dependencies, d)
	}
	for _, d := range g.Downstream(p.Key()) {
		v.Downstream = append(v.Downstream, string(d))
	}
}

func (v *featureView) held(info core.Info) {
	v.ID, v.Bytes, v.Origin, v.HeldVersion, v.SchemaVersion = info.ID, info.Bytes, info.Origin, info.FeatureVersion, info.SchemaVersion
	if info.Rows >= 0 {
		v.Samples = &info.Rows
	}
	for _, f := range info.Schema.Fields() {
		v.Columns = append(v.Columns, columnView{f.Name, f.Type.String()})
	}
	for _, c := range info.Containers {
		if !slices.ContainsFunc(v.Containers, func(d containerView) bool { return d.Name == c }) {
			v.Containers = append(v.Containers, containerView{Name: c})
		}
	}
	for _, c := range info.Log {
		v.Commits = append(v.Commits, commitView{c.Seq, c.Rows, c.Time.UTC(), c.Tombstones, c.ID, c.Basis})
	}
}

func (v featureView) print(out io.Writer) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("feature", string(v.Feature))
	line("description", v.Description)
	line("state", v.State)
	line("id", strings.Join(v.ID, ", "))
	if v.Samples != nil {
		line("samples", fmt.Sprint(*v.Samples))
	}
	line("from", v.Origin)
	if v.HeldVersion == v.SpecVersion {
		line("version", v.HeldVersion)
	} else {
		line("held version", v.HeldVersion)
		line("declared version", v.SpecVersion)
	}
	for _, d := range v.Dependencies {
		extra := ""
		if d.Optional {
			extra += ", optional"
		}
		if d.Where != "" {
			extra += ", where " + d.Where
		}
		line("depends on", fmt.Sprintf("%s (%s%s)", d.Feature, d.Lineage, extra))
	}
	line("downstream", strings.Join(v.Downstream, ", "))
	section := func(title string) { fmt.Fprintf(w, "\n%s\n", title) }
	section("containers")
	for _, c := range v.Containers {
		from := ""
		if len(c.From) > 0 {
			from = "from " + strings.Join(c.From, ", ")
		}
		code := "not declared"
		if c.Code != "" {
			code = "code " + c.Code
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", c.Name, code, from)
	}
	if len(v.Columns) > 0 {
		section("columns")
		for _, c := range v.Columns {
			fmt.Fprintf(w, "  %s\t%s\n", c.Name, c.Type)
		}
	}
	if len(v.Commits) > 0 {
		section("commits")
		for _, c := range v.Commits {
			what := fmt.Sprintf("%d rows", c.Rows)
			if c.Tombstones {
				what = fmt.Sprintf("%d retired", c.Rows)
			}
			fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", c.Seq, c.Time.Format(time.RFC3339), what, c.ID)
		}
	}
	_ = w.Flush() // into memory
	for l := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(l, " \n")); err != nil {
			return err
		}
	}
	return nil
}
