package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// tokenVariable holds the token of whoever runs the command.
const tokenVariable = "METAXY_TOKEN"

// identify finds out by their token who runs the command, and puts them into the
// command's context.
func (a *app) identify(cmd *cobra.Command, by identity.Authenticator) error {
	if _, known := identity.From(cmd.Context()); known {
		return nil
	}
	if by == nil && a.token.ref != "" {
		return usagef("--token: the store asks nobody who they are, or its rbac table names no source of identities")
	}
	ctx, err := a.identified(cmd.Context(), by)
	if err == nil {
		cmd.SetContext(ctx)
	}
	return err
}

// identified gives a context with whoever the token stands for. A store that
// asks nobody who they are needs none; one that does refuses calls without.
func (a *app) identified(ctx context.Context, by identity.Authenticator) (context.Context, error) {
	if by == nil {
		return ctx, nil
	}
	text := os.Getenv(tokenVariable)
	if a.token.ref != "" {
		var err error
		if text, err = a.token.reveal(); err != nil {
			return ctx, err
		}
	}
	if text == "" {
		return ctx, nil
	}
	id, err := by.Authenticate(ctx, identity.Credentials{Bearer: text})
	if err != nil {
		return ctx, err
	}
	return identity.With(ctx, id), nil
}

// asAdministrator does something beside the stack, which is not opened for it: as it is
// where the store has no access control, else by asking that, as whoever calls.
func (a *app) asAdministrator(cmd *cobra.Command, do func() error, ask func(*config.Access) error) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	has, err := cfg.Security(a.storeName)
	if err != nil {
		return err
	}
	if !has.Access {
		return do()
	}
	access, err := cfg.Access(cmd.Context(), registry(), a.storeName)
	if err != nil {
		return err
	}
	if err = a.identify(cmd, access.Authenticator); err == nil {
		err = ask(access)
	}
	return and(err, access.Close())
}
