package config

import (
	"errors"
	"maps"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
)

// section is a table as written: its variables are replaced when the store is
// opened.
type section struct {
	keys []Key
	path string // such as stores.dev.cache
	pos  tomltree.Pos
	off  bool // written as false: what would be inherited is left out
	raw  map[string]any
	at   map[string]tomltree.Pos
}

func newSection(keys []Key, path string, pos tomltree.Pos) *section {
	return &section{keys: keys, path: path, pos: pos, raw: map[string]any{}, at: map[string]tomltree.Pos{}}
}

// readSection reads a table in another. The word true stands for an empty table,
// false for none.
func readSection(name string, keys []Key, in *tomltree.Table) (*section, bool) {
	if !in.Has(name) {
		return nil, false
	}
	s := newSection(keys, in.Path+"."+name, in.At(name))
	if on, ok := in.Any(name).(bool); ok {
		s.off = !on
		return s, true
	}
	t := in.Table(name)
	if t == nil {
		return nil, false
	}
	s.read(t)
	return s, true
}

func (s *section) read(t *tomltree.Table) {
	s.pos = t.Pos
	for _, key := range s.keys {
		if !t.Has(key.Name) {
			continue
		}
		s.at[key.Name] = t.At(key.Name)
		switch key.Kind {
		case Table:
			if sub, ok := readSection(key.Name, key.Keys, t); ok {
				s.raw[key.Name] = sub
			}
		case Tables:
			list := []*section{}
			for _, e := range t.OneOrMore(key.Name, key.Short) {
				sub := newSection(key.Keys, e.Path, e.Pos)
				sub.read(e)
				list = append(list, sub)
			}
			s.raw[key.Name] = list
		default:
			s.readValue(key, t)
		}
	}
}

// readValue takes a value. What holds no variable is checked now.
func (s *section) readValue(key Key, t *tomltree.Table) {
	s.raw[key.Name] = key.read(t)
	text, ok := s.raw[key.Name].(string)
	if !ok || !isText(t.Any(key.Name)) {
		return
	}
	if key.Kind == Source || key.Kind == URL {
		for _, why := range secretsInURL(text, "write "+key.Name+"_password = \"env:NAME\" or \"file:path\" beside it") {
			t.Fail(key.Name, "%s: %s", key.Name, why)
		}
	}
	if !strings.Contains(text, "$") {
		if _, err := key.convert(text); err != nil {
			t.Fail(key.Name, "%s: %w", key.Name, err)
		}
	}
}

func isText(v any) bool { _, ok := v.(string); return ok }

// inherit fills in the keys that this table lacks, and those of the tables in
// it.
func (s *section) inherit(base *section) *section {
	if s.off {
		return s
	}
	out := newSection(s.keys, s.path, s.pos)
	maps.Copy(out.raw, base.raw)
	maps.Copy(out.at, base.at)
	maps.Copy(out.raw, s.raw)
	maps.Copy(out.at, s.at)
	for name, own := range s.raw {
		o, ok := own.(*section)
		b, below := base.raw[name].(*section)
		if ok && below {
			out.raw[name] = o.inherit(b)
		}
	}
	return out
}

// moved is the table under another name.
func (s *section) moved(path string) *section {
	out := *s
	out.path, out.raw = path, maps.Clone(s.raw)
	for name, value := range s.raw {
		if sub, ok := value.(*section); ok {
			out.raw[name] = sub.moved(path + "." + name)
		}
	}
	return &out
}

// lacks reports required keys that stand nowhere.
func (s *section) lacks() []error {
	var errs []error
	if s.off {
		return nil
	}
	for _, k := range s.keys {
		if _, ok := s.raw[k.Name]; !ok && k.Required {
			errs = append(errs, s.pos.Errorf("[%s] lacks %s: %s", s.path, k.Name, k.Doc))
		}
		for _, sub := range s.below(k) {
			errs = append(errs, sub.lacks()...)
		}
	}
	return errs
}

// below lists the tables that a key holds.
func (s *section) below(k Key) []*section {
	switch raw := s.raw[k.Name].(type) {
	case *section:
		return []*section{raw}
	case []*section:
		return raw
	}
	return nil
}

// values replaces variables, converts, and fills in defaults.
func (s *section) values(c *Config) (Values, error) {
	v := Values{of: map[string]any{}, written: s}
	var errs []error
	for _, k := range s.keys {
		value, err := s.valueOf(c, k)
		if err != nil {
			errs = append(errs, err)
		}
		if value != nil {
			v.of[k.Name] = value
		}
	}
	return v, errors.Join(errs...)
}

// valueOf gives nil for what is not there.
func (s *section) valueOf(c *Config, k Key) (any, error) {
	raw, ok := s.raw[k.Name]
	switch x := raw.(type) {
	case *section:
		if x.off {
			return nil, nil //nolint:nilnil // there is no table, which is no error
		}
		return x.values(c)
	case []*section:
		list := make([]Values, len(x))
		errs := make([]error, len(x))
		for i, sub := range x {
			list[i], errs[i] = sub.values(c)
		}
		return list, errors.Join(errs...)
	}
	if !ok {
		if k.Default == "" {
			return nil, nil //nolint:nilnil // the kind's zero value
		}
		raw = k.Default
	}
	value, err := c.value(k, raw)
	if err != nil {
		return nil, s.at[k.Name].Errorf("%s: %w", k.Name, err)
	}
	return value, nil
}

// texts lists the strings of the table that may hold variables.
func (s *section) texts() []string {
	var out []string
	if s.off {
		return nil
	}
	for _, k := range s.keys {
		switch raw := s.raw[k.Name].(type) {
		case string:
			out = append(out, raw)
		case []string:
			out = append(out, raw...)
		}
		for _, sub := range s.below(k) {
			out = append(out, sub.texts()...)
		}
	}
	return out
}

// references lists the secrets that the table refers to, and the files that it
// needs as if they were some.
func (s *section) references() []string {
	var out []string
	if s.off {
		return nil
	}
	for _, k := range s.keys {
		if ref, ok := s.raw[k.Name].(string); ok {
			switch {
			case k.Kind == SecretRef:
				out = append(out, ref)
			case k.Kind == File, k.Kind == Source && !strings.Contains(ref, "://"):
				out = append(out, "file:"+ref)
			}
		}
		for _, sub := range s.below(k) {
			out = append(out, sub.references()...)
		}
	}
	return out
}
