package config

import (
	"context"
	"fmt"
	"maps"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// CatalogOpener opens the catalog that a URL names, such as
// "sqlite://catalog.db". Its errors hold no secret of the URL.
type CatalogOpener func(ctx context.Context, url string) (catalog.Catalog, error)

type catalogOpener struct {
	open CatalogOpener
	file bool // what follows :// is a path
}

// Catalog registers catalogs that are reached over the network, for the key url
// of catalog tables. "memory://" is in every registry.
func Catalog(scheme string, open CatalogOpener) RegistryOption {
	return func(r *Registry) { r.addCatalog(scheme, catalogOpener{open: open}) }
}

// FileCatalog registers catalogs whose URL holds a path: a relative one is taken
// from the folder of the configuration file.
func FileCatalog(scheme string, open CatalogOpener) RegistryOption {
	return func(r *Registry) { r.addCatalog(scheme, catalogOpener{open: open, file: true}) }
}

func (r *Registry) addCatalog(scheme string, o catalogOpener) {
	all := maps.Clone(r.catalogs) // r may share it with the registry that it was made of
	if all == nil {
		all = map[string]catalogOpener{}
	}
	all[scheme] = o
	r.catalogs = all
}

// catalogPackages are the imports that programs may have left out.
func catalogPackages() map[string]string {
	return map[string]string{"sqlite": "layers/catalog/sqlite", "postgres": "layers/catalog/postgres", "postgresql": "layers/catalog/postgres"}
}

func (r *Registry) catalog(url string) (catalogOpener, error) {
	known := map[string]catalogOpener{"memory": {open: openMemoryCatalog}}
	maps.Copy(known, r.catalogs)
	return findIn(url, known, catalogPackages(), "catalog", "Catalog")
}

func openMemoryCatalog(_ context.Context, url string) (catalog.Catalog, error) {
	rest, mode, err := CatalogMode(url)
	if err == nil && rest != "memory://" {
		err = textError(`the catalog in memory has no place: write "memory://"`)
	}
	if err != nil {
		return nil, err
	}
	return catalog.NewMemory(catalog.Keep(mode)), nil
}

const (
	askStore   = "ask"
	oneWriter  = "sole-writer"
	allWriters = "every-writer"
)

func catalogKind() LayerKind {
	return LayerKind{
		Table: "catalog",
		Doc:   "keeps an index of what was materialised: existence, versions, counts and history without touching the data",
		Keys: []Key{
			{Name: "url", Kind: URL, Required: true, Doc: "where the index is: `sqlite://catalog.db`, `postgres://…`, or `memory://`, which starts empty each time; `?keep=filter` and `?keep=counts` keep less of versions"},
			{Name: "password", Kind: SecretRef, Doc: "password of the URL"},
			{
				Name: "trust", Default: askStore, Choices: []string{askStore, oneWriter, allWriters},
				Doc: "when the index answers instead of the store: never, when this program alone writes the store, or when every writer registers here",
			},
			{Name: "max_age", Kind: Duration, Doc: "with `ask`: how long an answer is believed after the store was asked (`0s`: not at all)"},
			{Name: "required", Kind: Flag, Doc: "refuse writes, and to open the store, while the index cannot be reached, instead of registering them later"},
			{Name: "catch_up_rows", Kind: Number, Default: fmt.Sprint(catalog.DefaultCatchUpRows), Doc: "how many rows may be read again at the first use to register what a crash left out"},
			{Name: "no_catch_up", Kind: Flag, Doc: "do not compare the index with the store at the first use"},
		},
		open: openCatalog,
	}
}

// catalogOptions makes the layer's options, or says what is wrong with them.
func catalogOptions(v Values, log *zap.Logger) ([]catalog.Option, error) {
	opts := []catalog.Option{
		catalog.CatchUp(v.Number("catch_up_rows")),
		catalog.Identity(func(ctx context.Context) string {
			who, _ := identity.From(ctx)
			return who.Name
		}),
		catalog.OnProblem(func(feature core.FeatureKey, err error) {
			log.Warn("the catalog is behind", zap.String("feature", string(feature)), zap.Error(err))
		}),
	}
	age := v.Duration("max_age")
	switch trust := v.Text("trust"); {
	case age > 0 && trust != askStore:
		return nil, v.Errorf("max_age", "max_age: with trust = %q answers do not age", trust)
	case age > 0:
		opts = append(opts, catalog.MaxAge(age))
	case trust == oneWriter:
		opts = append(opts, catalog.SoleWriter())
	case trust == allWriters:
		opts = append(opts, catalog.EveryWriterRegisters())
	}
	if v.Flag("required") {
		opts = append(opts, catalog.RequireCatalog())
	}
	if v.Flag("no_catch_up") {
		opts = append(opts, catalog.NoCatchUp())
	}
	_, err := catalog.New(catalog.NewMemory(), opts...).Wrap(memory.New())
	return opts, err
}

// openCatalog makes the layer and opens its catalog.
func openCatalog(ctx context.Context, v Values, env Env) (core.Layer, error) {
	opts, err := catalogOptions(v, env.logger())
	if err != nil {
		return nil, err
	}
	own := env.own
	if env.Drawing {
		if own.reg != nil {
			if _, err := own.reg.catalog(v.Text("url")); err != nil {
				return nil, v.Errorf("url", "url: %w", err)
			}
		}
		return catalog.New(catalog.NewMemory(), opts...), nil
	}
	url, o, err := catalogURL(v, own.reg, env.Dir)
	if err != nil {
		return nil, err
	}
	own.late = newLateCatalog(func(ctx context.Context) (catalog.Catalog, error) {
		cat, err := o.open(ctx, url)
		if err != nil {
			return nil, v.failedURL("url", url, err)
		}
		return cat, nil
	})
	own.later(own.late.Close)
	if err := own.late.start(ctx, v.Flag("required"), env.logger()); err != nil {
		return nil, err
	}
	own.catalog = catalog.New(own.late, opts...)
	return own.catalog, nil
}

// catalogURL gives the whole URL and what opens it.
func catalogURL(v Values, reg *Registry, dir string) (string, catalogOpener, error) {
	url := v.Text("url")
	o, err := reg.catalog(url)
	if err == nil && o.file && v.Written("password") {
		return "", o, v.Errorf("password", "password: a catalog in a file takes none")
	}
	if err == nil && v.Secret("password").IsSet() {
		var password string
		if password, err = v.Secret("password").Reveal(); err == nil {
			url, err = withPassword(url, password)
		}
	}
	if err != nil {
		return "", o, v.Errorf("url", "url: %w", err)
	}
	if o.file {
		url = absoluteURL(url, dir)
	}
	return url, o, nil
}

// CatalogURL tells where the catalog of a store is, "" for the default store,
// without opening it: "sqlite:///absolute/path" for one in a file. It holds no
// password. A store without one is core.ErrUnsupported.
func (c *Config) CatalogURL(store string, reg *Registry) (string, error) {
	v, _, err := c.tableOf(store, "catalog")
	if err != nil {
		return "", err
	}
	url := v.Text("url")
	o, err := reg.catalog(url)
	if err != nil {
		return "", v.Errorf("url", "url: %w", err)
	}
	if o.file {
		url = absoluteURL(url, c.Dir)
	}
	return url, nil
}
