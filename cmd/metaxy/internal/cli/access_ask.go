package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

func (a *app) canCommand(p *policing) *cobra.Command {
	var groups []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "can IDENTITY OP FEATURE",
		Short: "Tell whether somebody may do something with a feature, and why",
		Long: `Tell whether an identity may do something with a feature: the rule that decides, the
roles on the way to it, the columns that are masked or hidden and the rows that
there are. OP is write, read, resolve, list, stat, evolve or admin.

The answer is the one that the store gives. Exit code 2 says no.`,
		Example: `  metaxy access can user:ann read video/raw
  metaxy access can user:ann write video/raw --group group:research`,
		Args: exactly("IDENTITY", "OP", "FEATURE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := person(args[0], groups)
			if err != nil {
				return err
			}
			op, admin, err := operation(args[1])
			if err != nil {
				return err
			}
			key, err := core.ParseKey(args[2])
			if err != nil {
				return err
			}
			return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
				d := policy.Can(id, op, key)
				if admin {
					d = policy.Administers(id, key)
				}
				if err := a.printDecision(d, asJSON); err != nil {
					return err
				}
				if !d.Allowed {
					return errStale
				}
				return nil
			})
		},
	}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "groups that the identity is in; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) printDecision(d rbac.Decision, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Allowed bool     `json:"allowed"`
			Reason  string   `json:"reason"`
			Via     []string `json:"via,omitempty"`
			Columns []string `json:"columns,omitempty"`
			Rows    string   `json:"rows,omitempty"`
		}(d))
	}
	word := a.color(red, "deny   ")
	if d.Allowed {
		word = a.color(green, "allow  ")
	}
	lines := []string{word + "  " + d.Reason}
	if len(d.Via) > 0 {
		lines = append(lines, "via      "+strings.Join(d.Via, " → "))
	}
	if d.Allowed && len(d.Columns) > 0 {
		lines = append(lines, "columns  "+strings.Join(d.Columns, ", "))
	}
	if d.Allowed && d.Rows != "" {
		lines = append(lines, "rows     "+d.Rows)
	}
	_, err := fmt.Fprintln(a.out, strings.Join(lines, "\n"))
	return err
}

func (a *app) whoCommand(p *policing) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "who FEATURE",
		Short: "List who may do what with a feature",
		Long: `List everybody whom the policy names and allows something on a feature. What every
identity may is listed under "*". Whoever is limited does not see all rows, or
not all columns as they are.`,
		Example: `  metaxy access who video/raw`,
		Args:    exactly("FEATURE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := core.ParseKey(args[0])
			if err != nil {
				return err
			}
			return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
				l := newListing(textColumn("who"), textColumn("may"), textColumn("limited"))
				for _, h := range policy.Who(key) {
					limited := ""
					if h.Limited {
						limited = "yes"
					}
					l.add(h.Name, strings.Join(h.Actions, " "), limited)
				}
				o.wide = true // the actions are the answer
				return a.print(o, l.rows())
			})
		},
	}
	o.flags(cmd)
	return cmd
}

func (a *app) rolesCommand(p *policing) *cobra.Command {
	var o output
	var groups []string
	cmd := &cobra.Command{
		Use:     "roles IDENTITY",
		Short:   "List the roles of an identity, those of its groups and of its roles included",
		Example: `  metaxy access roles user:ann --group group:research`,
		Args:    exactly("IDENTITY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := person(args[0], groups)
			if err != nil {
				return err
			}
			return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
				l := newListing(textColumn("role"))
				for _, r := range policy.Roles(id) {
					l.add(r)
				}
				return a.print(o, l.rows())
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().StringSliceVar(&groups, "group", nil, "groups that the identity is in; may be repeated")
	return cmd
}

func (a *app) rulesCommand(p *policing) *cobra.Command {
	return &cobra.Command{
		Use:     "rules [SUBJECT]",
		Short:   "Print the rules of the policy as lines of a policy file",
		Example: `  metaxy access rules role:analyst`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
				for _, r := range policy.Rules() {
					if len(args) == 1 && r.Subject() != args[0] {
						continue
					}
					if _, err := fmt.Fprintln(a.out, r); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (a *app) lintCommand(p *policing) *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Look for rules that probably do not do what they were written for",
		Long: `Look for rules without effect: roles that nobody has, roles without rules, permissions
that a denial always overrules, and patterns that match none of the features that
are declared. Exit code 2 says that there are some.`,
		Example: `  metaxy access lint
  metaxy access lint --policy policy.csv --features features.toml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var features []core.FeatureKey
			g, err := a.declared()
			switch {
			case err == nil:
				features = g.Keys()
			case p.file == "" && !errors.Is(err, errNoGraph), len(a.featureFiles) > 0:
				return err
			}
			return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
				found := policy.Lint(features...)
				for _, f := range found {
					if _, err := fmt.Fprintf(a.out, "%s: %s\n", f.Rule, f.Text); err != nil {
						return err
					}
				}
				if len(found) > 0 {
					return errStale
				}
				return nil
			})
		},
	}
}
