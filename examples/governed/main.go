// Command governed keeps two releases of a real image collection under access
// control, encryption and an audit trail, over a DuckDB file.
//
//	go run -tags duckdb_arrow ./governed
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/metaxy-go/metaxy/backends/duckdb"
)

func main() {
	dir := flag.String("dir", "", "keep the store, the keys and the audit trail in this empty directory; a temporary one when empty")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *dir, newPrinter(os.Stdout))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "governed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, out printer) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "metaxy-governed-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	base, err := duckdb.Open(ctx, filepath.Join(dir, "openmoji.duckdb"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	_, err = tour(ctx, base, dir, out)
	return err
}
