package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// tokenVariable holds the token of whoever runs the command.
const tokenVariable = "METAXY_TOKEN"

// identify finds out by their token who runs the command, and puts them into the
// command's context. A store that asks nobody who they are needs none; one that
// does refuses calls without.
func (a *app) identify(cmd *cobra.Command, by identity.Authenticator) error {
	if _, known := identity.From(cmd.Context()); known {
		return nil
	}
	if by == nil {
		if a.token.ref != "" {
			return usagef("--token: the store asks nobody who they are, or its rbac table names no source of identities")
		}
		return nil
	}
	text := os.Getenv(tokenVariable)
	if a.token.ref != "" {
		var err error
		if text, err = a.token.reveal(); err != nil {
			return err
		}
	}
	if text == "" {
		return nil
	}
	id, err := by.Authenticate(cmd.Context(), identity.Credentials{Bearer: text})
	if err != nil {
		return err
	}
	cmd.SetContext(identity.With(cmd.Context(), id))
	return nil
}
