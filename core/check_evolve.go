package core

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// Check reports what is wrong with the request itself; it matches ErrInvalid.
func (r EvolveRequest) Check() error {
	if err := r.Key.Validate(); err != nil {
		return err
	}
	if len(r.Changes) == 0 {
		return invalidf("a migration of no changes")
	}
	return nil
}

// Apply gives the schema after the changes. A change that cannot be made is
// ErrInvalid, and none is made then.
func (r EvolveRequest) Apply(info Info) (*arrow.Schema, error) {
	fields := slices.Clone(info.Schema.Fields())
	for _, c := range r.Changes {
		var err error
		if fields, err = c.apply(fields, info.ID); err != nil {
			return nil, err
		}
	}
	return arrow.NewSchema(fields, nil), nil
}

func (c SchemaChange) apply(fields []arrow.Field, ids []string) ([]arrow.Field, error) {
	at := slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == c.Column })
	if c.Column == "" || c.Column == ColDataVersion || IsReserved(c.Column) || slices.Contains(ids, c.Column) {
		return nil, invalidf("%s column %q: id and system columns do not change", c.Kind, c.Column)
	}
	if c.Kind != AddColumn && at < 0 {
		return nil, invalidf("%s column %q: there is no such column%s", c.Kind, c.Column, suggest(c.Column, fieldNames(arrow.NewSchema(fields, nil))))
	}
	if c.Kind != RenameColumn && c.Type == nil {
		return nil, invalidf("%s column %q: the type is missing", c.Kind, c.Column)
	}
	switch c.Kind {
	case AddColumn:
		if at >= 0 {
			return nil, invalidf("add column %q: it is there already", c.Column)
		}
		return append(fields, arrow.Field{Name: c.Column, Type: c.Type, Nullable: true}), nil
	case WidenColumn:
		if !Widens(fields[at].Type, c.Type) {
			return nil, invalidf("widen column %q: not every %s is a %s", c.Column, fields[at].Type, c.Type)
		}
		fields[at].Type = c.Type
		return fields, nil
	case RenameColumn:
		if c.To == "" || c.To == ColDataVersion || IsReserved(c.To) ||
			slices.ContainsFunc(fields, func(f arrow.Field) bool { return f.Name == c.To }) {
			return nil, invalidf("rename column %q: the name %q is taken or not allowed", c.Column, c.To)
		}
		fields[at].Name = c.To
		return fields, nil
	}
	return nil, invalidf("unknown kind of change %d", c.Kind)
}

// Widens reports whether every value of one type is exactly a value of the
// other.
func Widens(from, to arrow.DataType) bool {
	wide := map[arrow.Type][]arrow.Type{
		arrow.INT8:         {arrow.INT16, arrow.INT32, arrow.INT64, arrow.FLOAT32, arrow.FLOAT64},
		arrow.INT16:        {arrow.INT32, arrow.INT64, arrow.FLOAT32, arrow.FLOAT64},
		arrow.INT32:        {arrow.INT64, arrow.FLOAT64},
		arrow.UINT8:        {arrow.UINT16, arrow.UINT32, arrow.UINT64, arrow.INT16, arrow.INT32, arrow.INT64, arrow.FLOAT32, arrow.FLOAT64},
		arrow.UINT16:       {arrow.UINT32, arrow.UINT64, arrow.INT32, arrow.INT64, arrow.FLOAT32, arrow.FLOAT64},
		arrow.UINT32:       {arrow.UINT64, arrow.INT64, arrow.FLOAT64},
		arrow.FLOAT32:      {arrow.FLOAT64},
		arrow.STRING:       {arrow.LARGE_STRING},
		arrow.BINARY:       {arrow.LARGE_BINARY},
		arrow.LARGE_STRING: {},
	}
	return slices.Contains(wide[from.ID()], to.ID())
}
