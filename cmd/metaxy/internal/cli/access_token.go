package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

func (a *app) tokenCommand() *cobra.Command {
	var f tokenFile
	cmd := group(
		&cobra.Command{
			Use:   "token",
			Short: "API tokens: make one, list them, revoke one",
			Long: `Work with the file of tokens that a store's rbac table or --tokens names. The file
keeps an argon2id hash of each token, never the token.`,
			Example: `  metaxy access token new service:nightly --group group:jobs --expires 90d
  metaxy access token list`,
		},
		a.tokenNewCommand(&f), a.tokenListCommand(&f), a.tokenRevokeCommand(&f),
	)
	cmd.PersistentFlags().StringVar(&f.path, "tokens", "", "file of tokens (default: that of the store's rbac table)")
	return cmd
}

func (a *app) tokenNewCommand(f *tokenFile) *cobra.Command {
	var groups []string
	var expires, out string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a token for a user or service",
		Long: `Make a token for a user or service and keep its hash. The token is printed once and
kept nowhere: whoever has it is NAME. --output writes it to a new file that its
owner alone can read, for --token file:PATH.`,
		Example: `  metaxy access token new service:nightly --group group:jobs --expires 90d
  metaxy access token new user:ann --output ann.token`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := person(args[0], groups); err != nil {
				return err
			}
			var until time.Time
			if expires != "" {
				var err error
				if until, err = parseFuture(expires, time.Now()); err != nil {
					return usagef("--expires: %w", err)
				}
			}
			if err := f.find(a); err != nil {
				return err
			}
			text, kept, err := identity.NewToken(args[0], groups, until)
			if err != nil {
				return err
			}
			// The token's file first: a token that nobody has is harmless, one that
			// is kept and cannot be written is lost.
			if out != "" {
				if err := writeNew(out, []byte(text+"\n"), 0o600); err != nil {
					return err
				}
			}
			if err := f.change(func(tokens []identity.Token) ([]identity.Token, error) { return append(tokens, kept), nil }); err != nil {
				return err
			}
			if out != "" {
				a.say("token %s of %s written to %s", kept.ID, kept.Name, out)
				return nil
			}
			a.note("token %s of %s; this is the only time that it is shown:", kept.ID, kept.Name)
			_, err = a.out.Write([]byte(text + "\n"))
			return err
		},
	}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "groups that the token vouches for; may be repeated")
	cmd.Flags().StringVar(&expires, "expires", "", "when it ends: a date, a time, or a span such as 90d or 12h")
	cmd.Flags().StringVar(&out, "output", "", "file to write the token to instead of printing it")
	return cmd
}

func (a *app) tokenListCommand(f *tokenFile) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without their secrets",
		Example: `  metaxy access token list`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.find(a); err != nil {
				return err
			}
			tokens, err := f.read()
			if err != nil {
				return err
			}
			l := newListing(textColumn("id"), textColumn("name"), textColumn("groups"), textColumn("expires"), textColumn("status"))
			for _, t := range tokens {
				expires, status := "", "valid"
				if !t.Expires.IsZero() {
					expires = t.Expires.UTC().Format(time.RFC3339)
					if !time.Now().Before(t.Expires) {
						status = "expired"
					}
				}
				l.add(t.ID, t.Name, strings.Join(t.Groups, " "), expires, status)
			}
			return a.print(o, l.rows())
		},
	}
	o.flags(cmd)
	return cmd
}

func (a *app) tokenRevokeCommand(f *tokenFile) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID…",
		Short: "Forget tokens, so that they stand for nobody",
		Long: `Forget tokens, so that they stand for nobody. A store that was opened from a
configuration sees it with the next call.`,
		Example: `  metaxy access token revoke 3f2a9c01d4e5b677`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.find(a); err != nil {
				return err
			}
			err := f.change(func(tokens []identity.Token) ([]identity.Token, error) {
				for _, id := range args {
					at := -1
					var ids []string
					for i, t := range tokens {
						if ids = append(ids, t.ID); t.ID == id {
							at = i
						}
					}
					if at < 0 {
						if strings.Contains(id, ".") {
							return nil, usagef("a token is revoked by its id, which metaxy access token list shows; what was given looks like a token itself")
						}
						return nil, usagef("there is no token %q%s", id, didYouMean(id, ids))
					}
					tokens = append(tokens[:at:at], tokens[at+1:]...)
				}
				return tokens, nil
			})
			if err != nil {
				return err
			}
			a.say("revoked %s", strings.Join(args, ", "))
			return nil
		},
	}
}
