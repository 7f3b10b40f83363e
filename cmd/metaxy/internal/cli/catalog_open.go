package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/postgres"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

// catalogs are those that this program can open.
func catalogs() []config.RegistryOption {
	opts := []config.RegistryOption{
		config.FileCatalog("sqlite", func(ctx context.Context, url string) (catalog.Catalog, error) {
			path, mode, err := sqliteCatalog(url)
			if err != nil {
				return nil, err
			}
			return sqlite.Open(ctx, path, sqlite.Keep(mode))
		}),
	}
	for _, scheme := range []string{"postgres", "postgresql"} {
		opts = append(opts, config.Catalog(scheme, func(ctx context.Context, url string) (catalog.Catalog, error) {
			url, mode, err := config.CatalogMode(url)
			if err != nil {
				return nil, err
			}
			return postgres.Open(ctx, url, postgres.Keep(mode))
		}))
	}
	return opts
}

// sqliteCatalog takes the path and the mode out of a URL such as
// sqlite://catalog.db?keep=filter.
func sqliteCatalog(url string) (path string, mode catalog.Mode, err error) {
	url, mode, err = config.CatalogMode(url)
	if err != nil {
		return "", 0, err
	}
	path, query, _ := strings.Cut(strings.TrimPrefix(url, "sqlite://"), "?")
	switch {
	case path == "":
		err = fmt.Errorf("%w: the catalog's URL names no file: write sqlite://catalog.db", core.ErrInvalid)
	case query != "":
		err = fmt.Errorf("%w: the catalog's URL takes keep=exact, keep=filter or keep=counts, and nothing else", core.ErrInvalid)
	}
	return path, mode, err
}

// setCatalogAside renames the file of a damaged catalog. In a store with access
// control whoever calls must administer all of it; the stack is not open
// meanwhile, and with it not the file.
func (a *app) setCatalogAside(cmd *cobra.Command) error {
	rename := func() error { return a.renameCatalog(cmd.Context()) }
	return a.asAdministrator(cmd, rename, func(access *config.Access) error { return access.MaintainCatalog(cmd.Context(), "set aside", rename) })
}

// renameCatalog makes room for a new file where the old one is damaged, and only
// there: a new catalog knows less, who wrote what for one.
func (a *app) renameCatalog(ctx context.Context) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	url, err := cfg.CatalogURL(a.storeName, registry())
	if err != nil {
		return err
	}
	if !strings.HasPrefix(url, "sqlite://") {
		return usagef("--set-aside is for catalogs in SQLite")
	}
	path, _, err := sqliteCatalog(url)
	if err != nil {
		return err
	}
	switch err := sqlite.Check(ctx, path); {
	case err == nil:
		return usagef("--set-aside: the catalog's file is whole; metaxy catalog rebuild registers everything anew in it")
	case !errors.Is(err, core.ErrIntegrity):
		return err
	}
	to, err := sqlite.SetAside(path)
	if err != nil {
		return err
	}
	a.say("the old catalog is %s", to)
	return nil
}
