package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// ruling are the flags that say which rules are meant.
type ruling struct {
	deny    bool
	columns []string
	rows    string
	raw     []string
}

func (r *ruling) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.deny, "deny", false, "rules that deny; a denial always wins")
	cmd.Flags().StringArrayVar(&r.columns, "column", nil, "COLUMN=HOW: how a column is shown: read, last4, hash, null or hide; may be repeated")
	cmd.Flags().StringVar(&r.rows, "rows", "", "condition on the rows that there are for the subject")
	cmd.Flags().StringArrayVar(&r.raw, "rule", nil, "a rule as it stands in a policy file; may be repeated")
}

const rulesHelp = `A rule is said by a subject, a feature pattern and actions (write, read, resolve,
list, stat, evolve, * for all of these, admin), by a subject and the role that it
has, or as it stands in a policy file, with --rule.`

func (a *app) grantCommand(p *policing) *cobra.Command {
	var r ruling
	cmd := &cobra.Command{
		Use:   "grant SUBJECT FEATURES ACTION… | SUBJECT ROLE",
		Short: "Add rules to the policy",
		Long: `Add rules to the policy, all of them or none. Rules that are there already stay.
Changes hold from the next call on.

` + rulesHelp,
		Example: `  metaxy access grant role:analyst 'video/**' read resolve
  metaxy access grant role:analyst 'video/secret/*' '*' --deny
  metaxy access grant role:analyst 'video/**' --column email=hash --rows "region = 'us'"
  metaxy access grant group:research role:analyst`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := r.rules(args)
			if err != nil {
				return err
			}
			if err := p.change(cmd, a, true, rules); err != nil {
				return err
			}
			a.sayRules("granted", rules)
			return nil
		},
	}
	r.flags(cmd)
	return cmd
}

func (a *app) revokeCommand(p *policing) *cobra.Command {
	var r ruling
	var all bool
	cmd := &cobra.Command{
		Use:   "revoke SUBJECT FEATURES ACTION… | SUBJECT ROLE | SUBJECT --all",
		Short: "Remove rules from the policy",
		Long: `Remove rules from the policy, all of them or none, as they were granted. It takes
effect with the next call: nothing of a decision is kept.

` + rulesHelp,
		Example: `  metaxy access revoke role:analyst 'video/**' resolve
  metaxy access revoke user:ann role:analyst
  metaxy access revoke user:ann --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := r.rules(args)
			if all {
				rules, err = p.rulesOf(cmd.Context(), a, args)
			}
			if err != nil {
				return err
			}
			if err := p.change(cmd, a, false, rules); err != nil {
				return err
			}
			a.sayRules("revoked", rules)
			return nil
		},
	}
	r.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every rule about the subject, denials and memberships included")
	return cmd
}

// rules makes rules of a command line.
func (r *ruling) rules(args []string) ([]rbac.Rule, error) {
	var out []rbac.Rule
	for _, line := range r.raw {
		rule, err := rbac.ParseRule(line)
		if err != nil {
			return nil, err
		}
		out = append(out, rule)
	}
	switch {
	case len(args) == 0 && len(out) > 0 && len(r.columns) == 0 && r.rows == "":
		return out, nil
	case len(args) < 2:
		return nil, usagef("which rule? Say SUBJECT FEATURES ACTION…, or SUBJECT ROLE, or --rule")
	}
	subject, object, actions := args[0], args[1], args[2:]
	if identity.Kind(object) != "" {
		if len(actions) > 0 || len(r.columns) > 0 || r.rows != "" || r.deny {
			return nil, usagef("%s: whoever has a role has all of it: actions, columns and rows are the role's", object)
		}
		return checked(append(out, rbac.Member(subject, object)))
	}
	for _, action := range actions {
		if action != rbac.ActionAll {
			if _, _, err := operation(action); err != nil {
				return nil, err
			}
		}
		if r.deny {
			out = append(out, rbac.Forbid(subject, object, action))
		} else {
			out = append(out, rbac.Permit(subject, object, action))
		}
	}
	for _, c := range r.columns {
		column, how, ok := strings.Cut(c, "=")
		shows := []string{}
		for s := rbac.ShowRead; s <= rbac.ShowHide; s++ {
			shows = append(shows, s.String())
		}
		at := slices.Index(shows, how)
		if !ok || at < 0 {
			return nil, usagef("--column %s: want COLUMN=HOW, where how is %s%s", c, strings.Join(shows, ", "), didYouMean(how, shows))
		}
		out = append(out, rbac.Protect(subject, object, column, rbac.Show(at)))
	}
	if r.rows != "" {
		out = append(out, rbac.Restrict(subject, object, r.rows))
	}
	if len(out) == 0 {
		return nil, usagef("which actions on %s? Say %s, * or admin, or --column or --rows", object, "read")
	}
	return checked(out)
}

func checked(rules []rbac.Rule) ([]rbac.Rule, error) {
	for _, r := range rules {
		if err := r.Check(); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

// rulesOf finds every rule about a subject.
func (p *policing) rulesOf(ctx context.Context, a *app, args []string) ([]rbac.Rule, error) {
	if len(args) != 1 {
		return nil, usagef("--all goes with one SUBJECT and nothing else")
	}
	var out []rbac.Rule
	err := p.with(ctx, a, func(policy *rbac.Policy) error {
		for _, r := range policy.Rules() {
			if r.Subject() == args[0] {
				out = append(out, r)
			}
		}
		if len(out) == 0 {
			return usagef("the policy has no rule about %s%s", args[0], didYouMean(args[0], subjectsOf(policy)))
		}
		return nil
	})
	return out, err
}

func subjectsOf(policy *rbac.Policy) []string {
	var out []string
	for _, r := range policy.Rules() {
		if !slices.Contains(out, r.Subject()) {
			out = append(out, r.Subject())
		}
	}
	return out
}

func (a *app) sayRules(done string, rules []rbac.Rule) {
	for _, r := range rules {
		a.say("%s  %s", done, r)
	}
}
