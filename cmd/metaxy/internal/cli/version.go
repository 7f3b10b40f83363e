package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core/version"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and what this program was built with",
		Example: `  metaxy version`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := "(devel)"
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
				v = info.Main.Version
			}
			_, err := fmt.Fprintf(a.out, "metaxy %s\ngo       %s\nbackends %s\nscheme   %s\n",
				v, strings.TrimPrefix(runtime.Version(), "go"), backends(), version.SHA256.Name())
			return err
		},
	}
}

// backends lists what can be opened, and what this build lacks.
func backends() string {
	list := strings.Join(registry().Schemes(), ", ")
	if !hasDuckDB {
		list = strings.Replace(list, "duckdb", "duckdb (not in this build: it needs -tags duckdb_arrow)", 1)
	}
	return list
}
