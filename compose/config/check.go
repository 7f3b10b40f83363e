package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
)

// Check reads a file as Load does and looks at everything that can be known
// without opening a store: the stacks of all stores by the rules of compose,
// whether the program has their backends, and the files of features. It
// reports every problem at once. What a store needs from the environment is no
// problem here: see Needs.
func Check(path string, reg *Registry, opts ...Option) (*Config, error) {
	root, err := tomltree.Load(path)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	c, err := read(root, filepath.Dir(abs), opts)
	c.Path = abs
	errs := []error{err}
	for _, s := range c.stores {
		if !s.broken && !s.abstract {
			errs = append(errs, c.checkStack(s, reg))
		}
	}
	if len(c.Features) > 0 {
		_, err := c.Graph()
		errs = append(errs, err)
	}
	if err := once(errs); err != nil {
		return nil, err
	}
	return c, nil
}

// checkStack looks at one store. Where a layer needs a variable that is not set,
// the stack cannot be judged and is left alone.
func (c *Config) checkStack(s *storeTable, reg *Registry) error {
	var errs []error
	url, err := c.expandText(s.backend.value)
	if err != nil && len(unset(c, s.backend.value)) > 0 {
		url, err = s.backend.value, nil
	}
	if scheme, _, _ := strings.Cut(url, "://"); err == nil && !strings.Contains(scheme, "$") {
		_, err = reg.find(url)
	}
	if err != nil {
		errs = append(errs, s.backend.pos.Errorf("store %s: %w", s.name, err))
	}
	if c.complete(s) {
		errs = append(errs, c.judge(reg, s.name))
	}
	return errors.Join(errs...)
}

// complete reports whether every variable of the layers is set, here and in the
// stores below.
func (c *Config) complete(s *storeTable) bool {
	for _, l := range s.layers {
		for _, text := range l.texts() {
			if len(unset(c, text)) > 0 {
				return false
			}
		}
	}
	return !slices.ContainsFunc(s.fallback.value, func(l leg) bool { return !c.complete(c.store(l.name)) })
}

// Needs lists what a store and those that it falls back to would need from this
// environment and do not find: variables and the secrets of references.
func (c *Config) Needs(name string) ([]string, error) {
	name, err := c.Store(name)
	if err != nil {
		return nil, err
	}
	var out []string
	var visit func(*storeTable)
	visit = func(s *storeTable) {
		texts := []string{s.backend.value}
		refs := []string{s.password.value}
		for _, l := range s.layers {
			texts = append(texts, l.texts()...)
			refs = append(refs, l.references()...)
		}
		for _, text := range texts {
			out = append(out, unset(c, text)...)
		}
		for _, ref := range refs {
			out = append(out, c.lacking(ref)...)
		}
		for _, l := range s.fallback.value {
			visit(c.store(l.name))
		}
	}
	visit(c.store(name))
	slices.Sort(out)
	return slices.Compact(out), nil
}

// lacking gives what is missing for a reference to be revealed.
func (c *Config) lacking(ref string) []string {
	kind, where, _ := strings.Cut(ref, ":")
	switch kind {
	case "env":
		if v, _ := c.getenv(where); v == "" {
			return []string{where}
		}
	case "file":
		if _, err := os.Stat(c.abs(where)); err != nil {
			return []string{ref}
		}
	}
	return nil
}

// unset lists the variables without a default that are not set.
func unset(c *Config, text string) []string {
	var out []string
	for _, v := range variables.FindAllStringSubmatch(text, -1) {
		if v[1] == "" {
			continue
		}
		if _, ok := c.getenv(v[1]); !ok {
			out = append(out, v[1])
		}
	}
	return out
}

// once joins errors and leaves out what was said before: a store's problem is
// met again by whoever falls back to it.
func once(errs []error) error {
	var out []error
	seen := map[string]bool{}
	for _, err := range errs {
		for _, e := range split(err) {
			if !seen[e.Error()] {
				seen[e.Error()] = true
				out = append(out, e)
			}
		}
	}
	return errors.Join(out...)
}

// split takes joined errors apart, through what was put around them.
func split(err error) []error {
	if err == nil {
		return nil
	}
	var out []error
	many, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(many.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	for _, e := range many.Unwrap() {
		out = append(out, split(e)...)
	}
	return out
}
