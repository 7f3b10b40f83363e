package crypto

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// Evolve keeps the companions in step: they are added, renamed and retyped with
// the column that they stand beside, in the same migration.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.enter(ctx, core.OpEvolve, req.Key, req.Check); err != nil {
		return core.Info{}, err
	}
	v, err := s.stat(ctx, core.OpEvolve, core.StatRequest{Key: req.Key, Local: true})
	if err != nil {
		return core.Info{}, err
	}
	below := req
	if below.Changes, err = s.migrate(ctx, req, v); err != nil {
		return core.Info{}, core.WrapError(core.OpEvolve, req.Key, name, err)
	}
	info, err := s.next.Evolve(ctx, below)
	if err != nil {
		return core.Info{}, err
	}
	if v, err = s.options.view(info); err != nil {
		return core.Info{}, core.WrapError(core.OpEvolve, req.Key, name, err)
	}
	return v.info, nil
}

// migration follows the protected columns through the changes.
type migration struct {
	options *options
	ring    func() (*keys.Ring, error)
	key     core.FeatureKey
	ids     []string
	columns []*column
	out     []core.SchemaChange
}

func (s *store) migrate(ctx context.Context, req core.EvolveRequest, v view) ([]core.SchemaChange, error) {
	if req.Base != v.info.SchemaVersion {
		return nil, fmt.Errorf("%w: the schema is at version %d, the change is based on %d", core.ErrConflict, v.info.SchemaVersion, req.Base)
	}
	if _, err := req.Apply(v.info); err != nil {
		return nil, err
	}
	m := &migration{options: &s.options, key: req.Key, ids: v.info.ID, columns: v.columns}
	m.ring = func() (*keys.Ring, error) { return s.ring(ctx) }
	for _, c := range req.Changes {
		if isCompanion(c.Column) || isCompanion(c.To) {
			return nil, invalidf("column %q: names that begin with %q belong to the crypto layer", c.Column, companionPrefix)
		}
		var err error
		switch c.Kind {
		case core.AddColumn:
			err = m.add(c)
		case core.WidenColumn:
			err = m.widen(c)
		case core.RenameColumn:
			err = m.rename(c)
		default:
			err = invalidf("unknown kind of change %d", c.Kind)
		}
		if err != nil {
			return nil, err
		}
	}
	return m.out, nil
}

func (m *migration) add(c core.SchemaChange) error {
	f := arrow.Field{Name: c.Column, Type: c.Type, Nullable: true}
	columns, err := m.options.protect(m.key, m.ids, []arrow.Field{f}, m.columns, true)
	if err != nil {
		return err
	}
	c.Type = sealedField(f, columns).Type
	m.out = append(m.out, c)
	for _, p := range columns {
		ring, err := m.ring()
		if err == nil {
			err = p.sign(ring, m.key)
		}
		if err != nil {
			return err
		}
		m.columns = append(m.columns, p)
		m.out = append(m.out, core.SchemaChange{Kind: core.AddColumn, Column: p.companion, Type: companionField("").Type})
	}
	return nil
}

func (m *migration) widen(c core.SchemaChange) error {
	for i, p := range m.columns {
		if len(p.path) == 1 && p.path[0] == c.Column {
			wider := p.mark
			wider.typ, wider.flags = c.Type, p.flags|flagWidened
			return m.remark(i, wider)
		}
	}
	m.out = append(m.out, c) // a struct, of which no type is wider, or not protected
	return nil
}

func (m *migration) rename(c core.SchemaChange) error {
	for _, p := range m.columns {
		if p.subject == c.Column {
			return fmt.Errorf("%w: column %q names the subjects of %q", core.ErrUnsupported, c.Column, p.name())
		}
	}
	inside := func(p *column) bool { return p.path[0] == c.Column }
	if !slices.ContainsFunc(m.columns, inside) {
		for _, r := range m.options.of(m.key) {
			if r.path[0] == c.To {
				return fmt.Errorf("%w: column %q is stored in the clear and %q is a protected name", core.ErrUnsupported, c.Column, c.To)
			}
		}
		m.out = append(m.out, c)
		return nil
	}
	m.out = append(m.out, c)
	for i, p := range m.columns {
		if !inside(p) {
			continue
		}
		renamed := p.mark
		renamed.path = append([]string{c.To}, p.path[1:]...)
		kept := slices.ContainsFunc(m.options.of(m.key), func(r *rule) bool { return slices.Equal(r.path, renamed.path) && slices.Contains(r.bounds(), p.bound) })
		if !kept {
			return fmt.Errorf("%w: rename of the protected column %q: give the layer a rule for %q with BoundAs(%q) first", core.ErrUnsupported, p.name(), c.To, p.bound)
		}
		if err := m.remark(i, renamed); err != nil {
			return err
		}
	}
	return nil
}

// remark renames a companion to what is now recorded. A record without a MAC
// gets none, unless the rule believes it: nothing that storage may have written
// is signed.
func (m *migration) remark(i int, now mark) error {
	was := m.columns[i]
	ring, err := m.ring()
	if err == nil {
		err = was.trust(ring, m.key)
	}
	if err != nil {
		return err
	}
	next, err := newColumn(now, m.options.of(m.key))
	if err == nil && (was.mac != nil || was.rule != nil && was.rule.unsigned) {
		err = next.sign(ring, m.key)
	}
	if err != nil {
		return err
	}
	m.out = append(m.out, core.SchemaChange{Kind: core.RenameColumn, Column: was.companion, To: next.companion})
	m.columns = slices.Clone(m.columns)
	m.columns[i] = next
	return nil
}
