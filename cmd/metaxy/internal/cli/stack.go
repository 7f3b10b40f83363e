package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) stackCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "stack [STORE]",
		Short: "Draw how a store is built: its layers, fallbacks and backend",
		Long:  `Draw the stack of a store, outermost layer first. Nothing is opened.`,
		Example: `  metaxy stack
  metaxy stack prod --format mermaid`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.storeName = args[0]
			}
			cfg, err := a.config()
			if err != nil {
				return err
			}
			d, err := cfg.Describe(a.storeName)
			if err != nil {
				return err
			}
			switch format {
			case "text":
				_, err = fmt.Fprint(a.out, d)
			case "mermaid":
				_, err = fmt.Fprint(a.out, d.Mermaid())
			case "json":
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				err = enc.Encode(d)
			default:
				err = usagef("unknown format %q; there are text, mermaid, json", format)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&format, "format", "o", "text", "text, mermaid or json")
	return cmd
}
