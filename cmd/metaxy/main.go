// Command metaxy works with feature metadata from the command line: what is
// held, what is stale, and what a change will cost before anything runs.
package main

import (
	"os"

	"github.com/metaxy-go/metaxy/cmd/metaxy/internal/cli"
)

func main() { os.Exit(cli.Main()) }
