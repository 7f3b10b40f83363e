// Package config builds stacks from a file, metaxy.toml:
//
//	default  = "dev"
//	features = "features.toml"
//
//	[stores.dev]
//	backend  = "duckdb://dev.duckdb"
//	fallback = ["prod"]
//
//	[stores.dev.logging]
//	level = "info"
//
//	[stores.dev.cache]
//	max_bytes = "256MiB"
//
//	[stores.prod]
//	backend = "duckdb://${PROD_DIR:-/srv/metaxy}/prod.duckdb?read_only=true"
//
// A store falls back to complete stacks: each leg has the layers of its own
// table. With extends = "other" a store takes what its own tables lack from
// those of another, key by key; a list is taken as a whole. Relative paths are
// relative to the file's folder. ${NAME} is an environment variable, which must
// be set when the store that names it is opened, ${NAME:-text} has a default,
// and $$ is a dollar sign.
//
// Secrets are never in the file: "env:NAME" and "file:path" say where they are,
// and a URL with a password is refused.
//
// Mistakes are reported when the file is loaded, all at once, with file, line
// and column; a misspelled key comes with the nearest right one. They match
// core.ErrInvalid.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/metaxy-go/metaxy/compose/featurefile"
	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// FileName is what Find looks for.
const FileName = "metaxy.toml"

// Config is a file that was loaded. It is immutable and safe for concurrent
// use.
type Config struct {
	Path     string   // of the file, "" when parsed from memory
	Dir      string   // what relative paths are relative to
	Default  string   // the store that is meant when none is named, may be ""
	Features []string // feature files, absolute

	stores []*storeTable
	kinds  []LayerKind
	getenv func(string) (string, bool)
}

// Option sets a choice of Load and Parse.
type Option func(*Config)

// Layers makes tables of further layers known, beside the ones of this module;
// a table with the name of one of those takes its place.
func Layers(kinds ...LayerKind) Option {
	return func(c *Config) { c.kinds = append(c.kinds, kinds...) }
}

// Environment replaces the process environment, for tests.
func Environment(lookup func(name string) (string, bool)) Option {
	return func(c *Config) { c.getenv = lookup }
}

// Find looks for FileName in dir and the folders above it. None is an error
// that matches os.ErrNotExist.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, FileName)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no %s in %s or above: %w", FileName, dir, os.ErrNotExist)
		}
	}
}

// Load reads a file. No store is opened.
func Load(path string, opts ...Option) (*Config, error) {
	root, err := tomltree.Load(path)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	c, err := read(root, filepath.Dir(abs), opts)
	if err != nil {
		return nil, err
	}
	c.Path = abs
	return c, nil
}

// Parse reads a document; name stands for the file in messages, and relative
// paths are relative to dir.
func Parse(name string, data []byte, dir string, opts ...Option) (*Config, error) {
	root, err := tomltree.Parse(name, data)
	if err != nil {
		return nil, err
	}
	c, err := read(root, dir, opts)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// read gives what it could make of a file beside what is wrong with it.
func read(root *tomltree.Table, dir string, opts []Option) (*Config, error) {
	c := &Config{Dir: dir, getenv: os.LookupEnv}
	for _, set := range opts {
		set(c)
	}
	c.kinds = choose(builtin(), c.kinds)
	c.Default = c.expand(root, "default")
	for i, f := range root.List("features") {
		f, err := c.expandText(f)
		if err != nil {
			root.Add(root.Element("features", i).Errorf("features: %w", err))
			continue
		}
		c.Features = append(c.Features, c.abs(f))
	}
	if stores := root.Table("stores"); stores != nil {
		for _, name := range stores.Keys() {
			if t := stores.Table(name); t != nil {
				c.stores = append(c.stores, c.readStore(name, t))
			}
		}
	}
	for _, s := range c.stores {
		s.broken = s.table.Err() != nil
	}
	c.checkExtends(root)
	for _, s := range c.stores {
		c.checkStore(root, s)
	}
	c.checkFallbacks(root)
	switch s := c.store(c.Default); {
	case c.Default == "":
	case s == nil:
		root.Fail("default", "default: unknown store %q%s", c.Default, tomltree.Suggest(c.Default, c.Names()))
	case s.abstract:
		root.Fail("default", "default: store %s has no backend", c.Default)
	}
	return c, root.Err()
}

// Names lists the stores in the order of the file, without those that have no
// backend and are there to be extended.
func (c *Config) Names() []string {
	names := make([]string, 0, len(c.stores))
	for _, s := range c.stores {
		if !s.abstract {
			names = append(names, s.name)
		}
	}
	return names
}

func (c *Config) allNames() []string {
	names := make([]string, len(c.stores))
	for i, s := range c.stores {
		names[i] = s.name
	}
	return names
}

// Store resolves a store's name: "" is the default, or the only store there is.
func (c *Config) Store(name string) (string, error) {
	if name == "" {
		name = c.Default
	}
	switch {
	case name == "" && len(c.Names()) == 1:
		return c.Names()[0], nil
	case name == "":
		return "", invalidf("%s: which store? Name one of %v or set a default", c.file(), c.Names())
	case c.store(name) == nil:
		near := tomltree.Suggest(name, c.Names())
		if near == "" {
			near = fmt.Sprintf("; there are %v", c.Names())
		}
		return "", invalidf("%s: unknown store %q%s", c.file(), name, near)
	case c.store(name).abstract:
		return "", invalidf("%s: store %s has no backend: it is there to be extended", c.file(), name)
	}
	return name, nil
}

// Graph reads and validates the feature files.
func (c *Config) Graph() (*core.Graph, error) { return featurefile.LoadGraph(c.Features...) }

func (c *Config) store(name string) *storeTable {
	i := slices.IndexFunc(c.stores, func(s *storeTable) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return c.stores[i]
}

func (c *Config) file() string {
	if c.Path == "" {
		return FileName
	}
	return c.Path
}

// abs makes a path of the file absolute.
func (c *Config) abs(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Dir, path)
}

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", core.ErrInvalid, fmt.Errorf(format, args...))
}
