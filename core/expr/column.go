package expr

import "strings"

// Column names a column: Path[0] is the column itself, what follows are fields of nested structs.
type Column struct {
	Path []string

	at int32 // byte offset in the text it was parsed from, plus one; 0 when built in code
}

// Col returns the column with a name such as "region" or "data_version.frames"; dots separate struct fields. Names that hold a dot
// themselves need [Field].
func Col(name string) Column { return Column{Path: strings.Split(name, ".")} }

// Field returns the column with the given literal path: Field("a.b", "c") is the field c of the column named "a.b".
func Field(path ...string) Column { return Column{Path: append([]string(nil), path...)} }

// Name returns the top-level name, empty for the zero Column.
func (c Column) Name() string {
	if len(c.Path) == 0 {
		return ""
	}
	return c.Path[0]
}

// String returns the column as text, quoted where necessary: data_version.frames, "odd name".x.
func (c Column) String() string {
	var b strings.Builder
	writeColumn(&b, c)
	return b.String()
}

// Equal reports whether both columns have the same path.
func (c Column) Equal(d Column) bool {
	if len(c.Path) != len(d.Path) {
		return false
	}
	for i, p := range c.Path {
		if p != d.Path[i] {
			return false
		}
	}
	return true
}

// The methods below take any Go scalar because one filter mixes strings, numbers and times; see [Lit] for what is accepted. A value of
// another type is reported by [Check] and [Bind], with the place of the node.

// Eq is true where the column equals v.
func (c Column) Eq(v any) Expr { return Compare{Column: c, Op: Eq, Value: Lit(v)} }

// Ne is true where the column differs from v.
func (c Column) Ne(v any) Expr { return Compare{Column: c, Op: Ne, Value: Lit(v)} }

// Lt is true where the column is less than v.
func (c Column) Lt(v any) Expr { return Compare{Column: c, Op: Lt, Value: Lit(v)} }

// Le is true where the column is less than v or equal to it.
func (c Column) Le(v any) Expr { return Compare{Column: c, Op: Le, Value: Lit(v)} }

// Gt is true where the column is greater than v.
func (c Column) Gt(v any) Expr { return Compare{Column: c, Op: Gt, Value: Lit(v)} }

// Ge is true where the column is greater than v or equal to it.
func (c Column) Ge(v any) Expr { return Compare{Column: c, Op: Ge, Value: Lit(v)} }

// In is true where the column equals one of the values.
func (c Column) In(values ...any) Expr {
	lits := make([]Literal, len(values))
	for i, v := range values {
		lits[i] = Lit(v)
	}
	return In{Column: c, Values: lits}
}

// NotIn is true where the column equals none of the values.
func (c Column) NotIn(values ...any) Expr { return NotExpr{Term: c.In(values...)} }

// Between is true where low <= column <= high.
func (c Column) Between(low, high any) Expr {
	return Between{Column: c, Low: Lit(low), High: Lit(high)}
}

// IsNull is true where the column is null.
func (c Column) IsNull() Expr { return IsNull{Column: c} }

// IsNotNull is true where the column is not null.
func (c Column) IsNotNull() Expr { return NotExpr{Term: c.IsNull()} }

// HasPrefix is true where the string column begins with prefix.
func (c Column) HasPrefix(prefix string) Expr { return Prefix{Column: c, Prefix: prefix} }

// Like is true where the whole string column matches the SQL pattern, see [Like].
func (c Column) Like(pattern string) Expr { return Like{Column: c, Pattern: pattern} }
