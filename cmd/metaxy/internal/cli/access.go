package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// policing says which policy the verbs of access are about: the store's, or a
// file that a flag names.
type policing struct{ file string }

func (a *app) accessCommand() *cobra.Command {
	p := &policing{}
	cmd := group(
		&cobra.Command{
			Use:   "access",
			Short: "Who may do what: grant, revoke, ask, test the policy",
			Long: `Work with the policy of a store whose configuration has an rbac table, or with the
file that --policy names.

Names begin with user:, service:, group: or role:. In a feature pattern "*" is one
part of a key and "**", at the end, one or more.

Changes of a store's policy are made by whoever METAXY_TOKEN (or --token) stands
for, who must be allowed "admin", and are recorded in the audit trail. With
--policy whoever may write the file may change it, and nothing is recorded.`,
			Example: `  metaxy access grant role:analyst 'video/**' read resolve
  metaxy access grant user:ann role:analyst
  metaxy access can user:ann read video/raw
  metaxy access test policy_test.csv`,
		},
		a.grantCommand(p), a.revokeCommand(p), a.whoCommand(p), a.canCommand(p), a.rolesCommand(p), a.rulesCommand(p), a.lintCommand(p),
		a.expectCommand(p), a.tokenCommand(),
	)
	cmd.PersistentFlags().StringVar(&p.file, "policy", "", "policy file (default: that of the store's rbac table)")
	return cmd
}

// with runs f with the policy open, for questions.
func (p *policing) with(ctx context.Context, a *app, do func(*rbac.Policy) error) error {
	if p.file != "" {
		policy, err := rbac.OpenPolicy(p.file)
		if err != nil {
			return atFile(p.file, err)
		}
		return do(policy)
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	policy, done, err := cfg.Policy(ctx, registry(), a.storeName)
	if err != nil {
		return orFlag(err, "--policy FILE")
	}
	return errors.Join(do(policy), done())
}

// change adds or removes rules.
func (p *policing) change(cmd *cobra.Command, a *app, grant bool, rules []rbac.Rule) error {
	if p.file != "" {
		policy, err := rbac.OpenPolicy(p.file)
		if err == nil && grant {
			err = policy.Add(rules...)
		} else if err == nil {
			err = policy.Remove(rules...)
		}
		return atFile(p.file, err)
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	access, err := cfg.Access(cmd.Context(), registry(), a.storeName)
	if err != nil {
		return orFlag(err, "--policy FILE")
	}
	if err = a.identify(cmd, access.Authenticator); err == nil && grant {
		err = access.RBAC.Grant(cmd.Context(), rules...)
	} else if err == nil {
		err = access.RBAC.Revoke(cmd.Context(), rules...)
	}
	return errors.Join(err, access.Close())
}

// person reads an identity of the command line, with its groups.
func person(name string, groups []string) (identity.Identity, error) {
	id := identity.Identity{Name: name, Groups: groups}
	if err := id.Check(); err != nil {
		return id, usagef("identity %q: want user: or service: and a name, and groups that are group: and a name", name)
	}
	return id, nil
}

// operation reads the name of an operation, or admin.
func operation(word string) (op core.Op, admin bool, err error) {
	if word == rbac.ActionAdmin {
		return 0, true, nil
	}
	if op, ok := core.ParseOp(word); ok && op != core.OpClose {
		return op, false, nil
	}
	var names []string
	for op := range core.Ops() {
		names = append(names, op.String())
	}
	return 0, false, usagef("unknown operation %q%s; there are %s and admin", word, didYouMean(word, append(names, rbac.ActionAdmin)), strings.Join(names, ", "))
}
