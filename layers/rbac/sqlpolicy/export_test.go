package sqlpolicy

import "context"

// Steps are the migrations of a database.
func (a *Adapter) Steps() ([]string, error) { return a.h.kind.steps() }

// Migrate runs other migrations than this version has.
func (a *Adapter) Migrate(ctx context.Context, steps ...string) error {
	return fault(a.h.kind.migrate(ctx, a.h.db, steps, a.h.o.readOnly))
}
