package cli

import (
	"context"
	"net/url"
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
file or database that --policy names.

Names begin with user:, service:, group: or role:. In a feature pattern "*" is one
part of a key and "**", at the end, one or more.

Changes of a store's policy are made by whoever METAXY_TOKEN (or --token) stands
for, who must be allowed "admin", and are recorded in the audit trail. With
--policy whoever may write the file may change it, and nothing is recorded: the
first administrator is made so.`,
			Example: `  metaxy access grant role:analyst 'video/**' read resolve
  metaxy access grant user:ann role:analyst
  metaxy access can user:ann read video/raw
  metaxy access test policy_test.csv`,
		},
		a.grantCommand(p), a.revokeCommand(p), a.whoCommand(p), a.canCommand(p), a.rolesCommand(p), a.rulesCommand(p), a.lintCommand(p),
		a.expectCommand(p), a.tokenCommand(),
	)
	cmd.PersistentFlags().StringVar(&p.file, "policy", "", "policy file, or a URL such as sqlite://policy.db (default: that of the store's rbac table)")
	return cmd
}

// named opens the policy that the flag names: a file, or a database's URL.
func (p *policing) named(ctx context.Context) (policy *rbac.Policy, done func() error, err error) {
	if !strings.Contains(p.file, "://") {
		policy, err = rbac.OpenPolicy(p.file)
		return policy, func() error { return nil }, atFile(p.file, err)
	}
	if u, err := url.Parse(p.file); err != nil {
		return nil, nil, usagef("--policy: that is no URL")
	} else if _, has := u.User.Password(); has {
		return nil, nil, usagef("--policy: the URL holds a password: PGPASSWORD or a .pgpass file say it unseen")
	}
	rules, err := openPolicy(ctx, p.file)
	if err != nil {
		return nil, nil, err
	}
	if policy, err = rbac.NewPolicy(rules); err != nil {
		return nil, nil, and(err, rules.Close())
	}
	return policy, rules.Close, nil
}

// with runs f with the policy open, for questions.
func (p *policing) with(ctx context.Context, a *app, do func(*rbac.Policy) error) error {
	if p.file != "" {
		policy, done, err := p.named(ctx)
		if err != nil {
			return err
		}
		return and(do(policy), done())
	}
	cfg, err := a.config()
	if err != nil {
		return err
	}
	policy, done, err := cfg.Policy(ctx, registry(), a.storeName)
	if err != nil {
		return orFlag(err, "--policy FILE")
	}
	return and(do(policy), done())
}

// change adds or removes rules.
func (p *policing) change(cmd *cobra.Command, a *app, grant bool, rules []rbac.Rule) error {
	if p.file != "" {
		return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
			if grant {
				return atFile(p.file, policy.Add(rules...))
			}
			return atFile(p.file, policy.Remove(rules...))
		})
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
	return and(err, access.Close())
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
