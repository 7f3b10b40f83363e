package crypto

import (
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// column is one protected column of a feature: what the record below says of
// it, and the rule that applies, if any. A column with a record is protected
// with or without a rule.
type column struct {
	mark
	companion string
	tag       []byte
	rule      *rule // nil: no rule names it any more
}

func (c *column) name() string { return strings.Join(c.path, ".") }

// algorithm is what writes; any that fits the mode is read.
func (c *column) algorithm() keys.Algorithm {
	switch {
	case c.rule != nil && c.rule.mode == c.mode:
		return c.rule.algorithm
	case c.mode == modeDeterministic:
		return keys.AES256SIV
	}
	return keys.AES256GCM
}

// hasSeal reports whether the companion binds the value to its row, since the
// ciphertext itself cannot.
func (c *column) hasSeal() bool { return c.mode == modeDeterministic }

// view is a feature as callers see it, and what lies behind.
type view struct {
	info    core.Info // with plaintext types and without companions
	columns []*column
	bare    []string // columns that a rule names and that are stored in the clear
}

// newColumn completes a mark.
func newColumn(m mark, rules []*rule) (*column, error) {
	c := &column{mark: m}
	var err error
	if c.companion, err = m.companion(); err != nil {
		return nil, err
	}
	if c.tag, err = tag(m.typ); err != nil {
		return nil, err
	}
	for _, r := range rules {
		if slices.Equal(r.path, m.path) {
			c.rule = r
		}
	}
	return c, nil
}

// view translates what the store below says of a feature.
func (o *options) view(info core.Info) (view, error) {
	v := view{info: info}
	rules := o.of(info.Key)
	var fields []arrow.Field
	for _, f := range info.Schema.Fields() {
		if !isCompanion(f.Name) {
			fields = append(fields, f)
			continue
		}
		m, err := parseMark(f.Name)
		if err != nil {
			return view{}, err
		}
		c, err := newColumn(m, rules)
		if err != nil {
			return view{}, err
		}
		v.columns = append(v.columns, c)
	}
	for i, c := range v.columns {
		if c.rule != nil && !slices.Contains(c.rule.bounds(), c.bound) || slices.ContainsFunc(v.columns[:i], func(d *column) bool { return d.bound == c.bound || slices.Equal(d.path, c.path) }) {
			return view{}, integrityf("the record of the protected column %q belongs to another column", c.name())
		}
		at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == c.path[0] })
		if at < 0 {
			return view{}, integrityf("the protected column %q is gone", c.name())
		}
		f, ok := replaceType(fields[at], c.path[1:], func(f arrow.Field) (arrow.Field, bool) {
			ok := f.Type.ID() == arrow.BINARY
			f.Type, f.Nullable = c.typ, c.flags&flagNullable != 0
			return f, ok
		})
		if !ok {
			return view{}, integrityf("the protected column %q is not stored as binary", c.name())
		}
		fields[at] = f
	}
	for _, r := range rules {
		if !slices.ContainsFunc(v.columns, func(c *column) bool { return slices.Equal(c.path, r.path) }) && hasPath(fields, r.path) {
			v.bare = append(v.bare, r.path[0])
		}
	}
	meta := info.Schema.Metadata()
	v.info.Schema = arrow.NewSchema(fields, &meta)
	return v, nil
}

// protect gives the protected columns among fields that are new to a feature,
// beside those that are there.
func (o *options) protect(key core.FeatureKey, ids []string, fields []arrow.Field, there []*column, late bool) ([]*column, error) {
	rules := o.of(key)
	var out []*column
	for _, r := range rules {
		at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == r.path[0] })
		if at < 0 {
			continue
		}
		if slices.Contains(ids, r.path[0]) {
			return nil, invalidf("id column %q cannot be protected: the store joins on it; use a pseudonym as the id", r.path[0])
		}
		m := mark{mode: r.mode, beacon: r.beacon, path: r.path, subject: r.subject}
		if r.hideNulls {
			m.flags |= flagHideNulls
		}
		if late {
			m.flags |= flagLate
		}
		free := slices.IndexFunc(r.bounds(), func(b string) bool {
			return !slices.ContainsFunc(slices.Concat(there, out), func(c *column) bool { return c.bound == b })
		})
		if free < 0 {
			return nil, invalidf("column %q would be bound as another column already is: give its rule BoundAs with one more name", r.name())
		}
		m.bound = r.bounds()[free]
		inside := false
		_, found := replaceType(fields[at], r.path[1:], func(f arrow.Field) (arrow.Field, bool) {
			m.typ = f.Type
			if f.Nullable {
				m.flags |= flagNullable
			}
			return f, true
		})
		for _, other := range rules {
			inside = inside || len(other.path) < len(r.path) && slices.Equal(other.path, r.path[:len(other.path)])
		}
		switch {
		case inside:
			continue // the whole that it is in is protected
		case !found:
			return nil, invalidf("column %q has no field %q to protect", r.path[0], r.name())
		case m.mode == modeDeterministic && !hasEquality(m.typ):
			return nil, invalidf("column %q is %s: deterministic encryption is for strings, binary and integers", r.name(), m.typ)
		}
		c, err := newColumn(m, rules)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// sealedField is how a field with protected columns in it is stored.
func sealedField(f arrow.Field, columns []*column) arrow.Field {
	for _, c := range columns {
		if c.path[0] == f.Name {
			f, _ = replaceType(f, c.path[1:], func(f arrow.Field) (arrow.Field, bool) {
				f.Type, f.Nullable = arrow.BinaryTypes.Binary, true
				return f, true
			})
		}
	}
	return f
}

// replaceType changes the field at a path of struct fields.
func replaceType(f arrow.Field, path []string, change func(arrow.Field) (arrow.Field, bool)) (arrow.Field, bool) {
	if len(path) == 0 {
		return change(f)
	}
	s, ok := f.Type.(*arrow.StructType)
	if !ok {
		return f, false
	}
	fields := slices.Clone(s.Fields())
	at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == path[0] })
	if at < 0 {
		return f, false
	}
	if fields[at], ok = replaceType(fields[at], path[1:], change); !ok {
		return f, false
	}
	f.Type = arrow.StructOf(fields...)
	return f, true
}

func hasPath(fields []arrow.Field, path []string) bool {
	at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == path[0] })
	if at < 0 {
		return false
	}
	_, ok := replaceType(fields[at], path[1:], func(f arrow.Field) (arrow.Field, bool) { return f, true })
	return ok
}

// companionField is the column beside a protected one.
func companionField(name string) arrow.Field {
	return arrow.Field{Name: name, Type: arrow.BinaryTypes.Binary, Nullable: true}
}

// hasEquality reports whether equal values of the type have equal bytes that a
// filter's literal can be turned into.
func hasEquality(t arrow.DataType) bool {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return hasEquality(d.ValueType)
	}
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return true
	}
	return arrow.IsInteger(t.ID())
}
