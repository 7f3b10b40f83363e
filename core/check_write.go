package core

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core/ident"
)

// Check reports what is wrong with the request before a row is read; the error
// matches ErrInvalid. Backends call it first.
func (r WriteRequest) Check() error {
	if err := r.Plan.Validate(); err != nil {
		return err
	}
	if r.Rows.Schema == nil {
		return invalidf("%w", errNoSchema)
	}
	if r.Tombstones {
		return checkIDs(r.Rows.Schema, r.Plan.Feature.ID, true)
	}
	return CheckRowSchema(r.Plan, r.Rows.Schema)
}

// CheckRowSchema reports whether rows of this schema can be written under the
// plan: id columns of a type that identifies, "data_version" with exactly the
// plan's containers, no reserved and no repeated name.
func CheckRowSchema(p *Plan, schema *arrow.Schema) error {
	if err := checkIDs(schema, p.Feature.ID, false); err != nil {
		return err
	}
	at := schema.FieldIndices(ColDataVersion)
	if len(at) == 0 {
		return invalidf("the rows lack the column %q: a struct with one string field a container", ColDataVersion)
	}
	dv, ok := schema.Field(at[0]).Type.(*arrow.StructType)
	if !ok {
		return invalidf("column %q is %s, want a struct with one string field a container", ColDataVersion, schema.Field(at[0]).Type)
	}
	names := p.ContainerNames()
	for _, f := range dv.Fields() {
		if !slices.Contains(names, f.Name) {
			return invalidf("column %q has container %q, which feature %s lacks%s", ColDataVersion, f.Name, p.Feature.Key, suggest(f.Name, names))
		}
		if !isText(f.Type) {
			return invalidf("container %q of %q is %s, want strings", f.Name, ColDataVersion, f.Type)
		}
	}
	for _, n := range names {
		if _, ok := dv.FieldByName(n); !ok {
			return invalidf("column %q lacks container %q of feature %s", ColDataVersion, n, p.Feature.Key)
		}
	}
	return nil
}

// checkIDs checks names in general and the id columns in particular.
func checkIDs(schema *arrow.Schema, ids []string, only bool) error {
	seen := map[string]bool{}
	for _, f := range schema.Fields() {
		switch {
		case seen[f.Name]:
			return invalidf("column %q occurs twice", f.Name)
		case f.Name == "":
			return invalidf("a column has no name")
		case IsReserved(f.Name):
			return invalidf("column %q: names that begin with %q belong to the store", f.Name, ReservedPrefix)
		case only && !slices.Contains(ids, f.Name):
			return invalidf("column %q: a tombstone holds the id columns alone", f.Name)
		}
		seen[f.Name] = true
	}
	for _, id := range ids {
		at := schema.FieldIndices(id)
		if len(at) == 0 {
			return invalidf("the rows lack the id column %q%s", id, suggest(id, fieldNames(schema)))
		}
		if err := ident.CheckType(schema.Field(at[0]).Type); err != nil {
			return invalidf("id column %q: %w", id, err)
		}
	}
	return nil
}

// RowChecker examines the batches of one write as they pass.
type RowChecker struct {
	plan       *Plan
	schema     *arrow.Schema
	tombstones bool
	seen       *ident.Seen // nil: duplicates are found elsewhere
	rows       int64
}

// NewRowChecker makes a checker for a request that passed Check. Without
// duplicates the caller finds repeated ids itself.
func NewRowChecker(req WriteRequest, duplicates bool) *RowChecker {
	c := &RowChecker{plan: req.Plan, schema: req.Rows.Schema, tombstones: req.Tombstones}
	if duplicates {
		c.seen = ident.NewSeen(0)
	}
	return c
}

// Add reports a batch of another schema, a null id, a null data version, or an
// id that an earlier row had. Rows are named by their number, counted from 1,
// because an id may itself be worth protecting.
func (c *RowChecker) Add(batch arrow.RecordBatch) error {
	if batch == nil {
		return invalidf("a batch is nil")
	}
	if !SameColumns(batch.Schema(), c.schema) {
		return invalidf("a batch has schema %v, the rows promised %v", fieldTypes(batch.Schema()), fieldTypes(c.schema))
	}
	ids, err := ident.Bind(batch, c.plan.Feature.ID)
	if err != nil {
		return invalidf("%w", err)
	}
	if row, name, found := ids.FirstNull(); found {
		return invalidf("row %d has no %q: id columns cannot be null", c.rows+int64(row)+1, name)
	}
	if !c.tombstones {
		if err := c.checkVersions(batch); err != nil {
			return err
		}
	}
	if c.seen != nil {
		if first, again, found := c.seen.Add(ids); found {
			return DuplicateError(first, again)
		}
	}
	c.rows += batch.NumRows()
	return nil
}

// DuplicateError says that two rows of one write, counted from 0, have the
// same id.
func DuplicateError(first, again int64) error {
	return invalidf("rows %d and %d have the same id; a sample occurs once in a write", first+1, again+1)
}

func (c *RowChecker) checkVersions(batch arrow.RecordBatch) error {
	dv, ok := batch.Column(batch.Schema().FieldIndices(ColDataVersion)[0]).(*array.Struct)
	if !ok {
		return invalidf("column %q is not a struct", ColDataVersion)
	}
	if row := firstNull(dv); row >= 0 {
		return invalidf("row %d has no %q", c.rows+int64(row)+1, ColDataVersion)
	}
	for i, f := range dv.DataType().(*arrow.StructType).Fields() {
		if row := firstNull(dv.Field(i)); row >= 0 {
			return invalidf("row %d: %q has no version of container %q", c.rows+int64(row)+1, ColDataVersion, f.Name)
		}
	}
	return nil
}

func firstNull(a arrow.Array) int {
	if a.Data().NullN() == 0 { // not a.NullN, which counts and stores: the batch may be shared
		return -1
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			return i
		}
	}
	return -1
}

// SameColumns reports whether two schemas have the same names and types in the
// same order. Metadata and nullability do not count.
func SameColumns(a, b *arrow.Schema) bool {
	return slices.EqualFunc(a.Fields(), b.Fields(), func(x, y arrow.Field) bool {
		return x.Name == y.Name && arrow.TypeEqual(x.Type, y.Type)
	})
}

// MatchSchema maps the columns of rows to those of a stored schema: for each
// stored column its index in rows. The same columns in another order match; a
// missing, added or retyped column is ErrInvalid, since only Evolve changes a
// schema. The containers of "data_version" are left to the caller.
func MatchSchema(stored, rows *arrow.Schema) ([]int, error) {
	for _, f := range rows.Fields() {
		if !stored.HasField(f.Name) {
			return nil, invalidf("column %q is new: add it with Evolve first%s", f.Name, suggest(f.Name, fieldNames(stored)))
		}
	}
	from := make([]int, stored.NumFields())
	for i, f := range stored.Fields() {
		at := rows.FieldIndices(f.Name)
		if len(at) == 0 {
			return nil, invalidf("the rows lack the column %q (%s)", f.Name, f.Type)
		}
		if got := rows.Field(at[0]).Type; f.Name != ColDataVersion && !arrow.TypeEqual(f.Type, got) {
			return nil, invalidf("column %q is %s, the feature holds %s", f.Name, got, f.Type)
		}
		from[i] = at[0]
	}
	return from, nil
}

func isText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return true
	case arrow.DICTIONARY:
		return isText(t.(*arrow.DictionaryType).ValueType)
	}
	return false
}

func fieldNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	return names
}

func fieldTypes(s *arrow.Schema) []string {
	out := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		out[i] = fmt.Sprintf("%s %s", f.Name, f.Type)
	}
	return out
}
