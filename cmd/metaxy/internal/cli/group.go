package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// group makes a verb that only holds others.
func group(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	cmd.Args = knownVerb
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(verbs...)
	return cmd
}

// knownVerb refuses what is no verb of a command, with the nearest one.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var verbs []string
	for _, c := range cmd.Commands() {
		verbs = append(verbs, c.Name())
	}
	of := ""
	if cmd.HasParent() {
		of = " of " + cmd.CommandPath()
	}
	return usagef("unknown verb %q%s%s", args[0], of, didYouMean(args[0], verbs))
}

// didYouMean names the nearest of what there is, if it is near.
func didYouMean(word string, there []string) string {
	if near, ok := expr.Nearest(word, there); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// orFlag tells, where a store lacks a table, which flag does without.
func orFlag(err error, flag string) error {
	if errors.Is(err, core.ErrUnsupported) {
		return fmt.Errorf("%w (add the table, or say %s)", err, flag)
	}
	return err
}

// and adds what went wrong at the end. Without that err stays itself.
func and(err, end error) error {
	if end == nil {
		return err
	}
	return errors.Join(err, end)
}
