package resolve

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core/ident"
)

// finish fixes the types of the answer and checks that ids can meet.
func (s *setup) finish(key []string) error {
	e := s.e
	for _, k := range key {
		f := arrow.Field{Name: k}
		for _, at := range e.cands {
			if other, ok := e.specs[at].field(k); ok && f.Type == nil {
				f = other
			} else if ok && ident.Comparable(f.Type, other.Type) {
				f.Type = commonType(f.Type, other.Type)
			}
		}
		// Nothing decides yet: what the feature or another upstream has.
		for at := len(e.specs) - 1; at >= 0 && f.Type == nil; at-- {
			f, _ = e.specs[at].field(k)
			f.Name = k
		}
		if f.Type == nil {
			f.Type = arrow.BinaryTypes.String
		}
		f.Nullable = false
		for _, sp := range e.specs {
			if other, ok := sp.field(k); ok && !ident.Comparable(f.Type, other.Type) {
				return invalidf("id column %q is %s in %s and %s elsewhere: they never meet", k, other.Type, sp.name, f.Type)
			}
		}
		e.ids = append(e.ids, f)
	}
	for i, c := range e.carry {
		if sp := e.specs[c.side]; !sp.missing() {
			e.carry[i].field.Type = sp.schema.Field(sp.schema.FieldIndices(c.name)[0]).Type
		}
	}
	e.setSchemas()
	if e.held >= 0 {
		if err := s.orphanSchema(); err != nil {
			return err
		}
	}
	e.setPart(key)
	return nil
}

// field gives a key column of the side, unless it holds nothing.
func (sp *spec) field(key string) (arrow.Field, bool) {
	if sp.missing() || !slices.Contains(sp.key, key) {
		return arrow.Field{}, false
	}
	return sp.schema.Field(sp.schema.FieldIndices(key)[0]), true
}

// orphanSchema has all id columns, with the types that are held.
func (s *setup) orphanSchema() error {
	held := s.e.specs[s.e.held]
	fields := make([]arrow.Field, 0, len(s.plan.Feature.ID))
	for _, id := range s.plan.Feature.ID {
		f := arrow.Field{Name: id, Type: arrow.BinaryTypes.String}
		if at := slices.IndexFunc(s.e.ids, func(f arrow.Field) bool { return f.Name == id }); at >= 0 {
			f = s.e.ids[at]
		}
		if !held.missing() {
			f = held.schema.Field(held.schema.FieldIndices(id)[0])
		}
		f.Nullable = false
		fields = append(fields, f)
	}
	s.e.schemas[outOrphaned] = arrow.NewSchema(fields, nil)
	return nil
}
