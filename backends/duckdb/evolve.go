//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
)

// Evolve alters the table and the entry of the feature in one transaction.
func (s *store) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	info, err := s.evolve(ctx, req)
	return info, core.WrapError(core.OpEvolve, req.Key, name, err)
}

func (s *store) evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	if err := s.check(ctx, req.Check); err != nil {
		return core.Info{}, err
	}
	if err := s.writable(); err != nil {
		return core.Info{}, err
	}
	unlock, err := s.lock(ctx, req.Key)
	if err != nil {
		return core.Info{}, err
	}
	defer unlock()
	var info core.Info
	err = s.with(ctx, func(c *conn) error {
		if err := c.begin(ctx); err != nil {
			return err
		}
		// A write of another store in this process, if there is one under way, conflicts here.
		if _, err := c.exec(ctx, "UPDATE metaxy.features SET claims = claims + 1 WHERE key = ?", string(req.Key)); err != nil {
			return err
		}
		m, err := s.load(ctx, c, req.Key)
		if err != nil {
			return err
		}
		if req.Base != m.schemaVersion {
			return fmt.Errorf("%w: the schema is at version %d, the migration builds on %d", core.ErrConflict, m.schemaVersion, req.Base)
		}
		if _, err := req.Apply(m.info()); err != nil {
			return err
		}
		for _, change := range req.Changes {
			if err := m.change(ctx, c, change); err != nil {
				return err
			}
		}
		m.schemaVersion++
		if err := m.saveSchema(ctx, c); err != nil {
			return err
		}
		if err := c.commit(ctx); err != nil {
			return err
		}
		info = m.info()
		return nil
	})
	return info, err
}

// change makes one step, which is known to be allowed.
func (m *meta) change(ctx context.Context, c *conn, change core.SchemaChange) error {
	fields := slices.Clone(m.schema.Fields())
	alter := "ALTER TABLE " + m.table() + " "
	at := m.field(change.Column)
	switch change.Kind {
	case core.AddColumn:
		k, err := keep(change.Type)
		if err != nil {
			return fmt.Errorf("column %q: %w", change.Column, err)
		}
		column := tableNames(slices.Concat(ourNames(), m.columns), []string{change.Column})[0]
		if _, err := c.exec(ctx, alter+"ADD COLUMN "+dialect.Ident(column)+" "+k.sql); err != nil {
			return err
		}
		m.columns = append(m.columns, column)
		fields = append(fields, arrow.Field{Name: change.Column, Type: change.Type, Nullable: true})
	case core.WidenColumn:
		was, err := keep(fields[at].Type)
		if err != nil {
			return err
		}
		is, err := keep(change.Type)
		if err != nil {
			return fmt.Errorf("column %q: %w", change.Column, err)
		}
		if was.sql != is.sql {
			if _, err := c.exec(ctx, alter+"ALTER COLUMN "+dialect.Ident(m.columns[at])+" SET DATA TYPE "+is.sql); err != nil {
				return err
			}
		}
		fields[at].Type = change.Type
	case core.RenameColumn:
		others := slices.Delete(slices.Clone(m.columns), at, at+1)
		column := tableNames(slices.Concat(ourNames(), others), []string{change.To})[0]
		if column != m.columns[at] {
			if err := m.rename(ctx, c, m.columns[at], column); err != nil {
				return err
			}
		}
		m.columns[at] = column
		fields[at].Name = change.To
	default:
		return fmt.Errorf("%w: change %d", core.ErrUnsupported, change.Kind)
	}
	m.schema = arrow.NewSchema(fields, nil)
	return nil
}

// rename goes by way of a third name, since a name that differs in case alone is the same name to DuckDB.
func (m *meta) rename(ctx context.Context, c *conn, from, to string) error {
	const between = "metaxy_renamed"
	for _, step := range [][2]string{{from, between}, {between, to}} {
		sql := "ALTER TABLE " + m.table() + " RENAME COLUMN " + dialect.Ident(step[0]) + " TO " + dialect.Ident(step[1])
		if _, err := c.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
