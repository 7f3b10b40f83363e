// Package expr holds the filter expressions of metaxy: a sealed tree over the columns of a feature table.
//
// A tree is built in code ([Col], [And], [Or], [Not]) or read from text ([Parse]), printed ([Expr.String]), bound to an Arrow schema
// ([Bind]) and evaluated on record batches ([Bound.Eval], [Bound.Filter]). Backends that push filters down to storage switch over the
// concrete nodes instead: [Compare], [In], [Between], [IsNull], [Prefix], [Like], [AndExpr], [OrExpr], [NotExpr], [Const].
//
//	e, err := expr.Parse(`region = 'us-west' AND frames BETWEEN 10 AND 500`)
//	e := expr.And(expr.Col("region").Eq("us-west"), expr.Col("frames").Between(10, 500))
//
// # Semantics
//
// Logic is SQL's three-valued logic: a test on a null value is unknown, AND, OR and NOT follow Kleene, and a filter keeps the rows that
// are true. IS NULL is never unknown.
//
// Comparisons are exact: a literal that the column's type cannot hold is not rounded or wrapped. An int8 column is never equal to 1000
// and always less than it; an int64 column is greater than 1.5 exactly when it is at least 2; a float32 column is equal to 0.1 for no
// value at all.
//
// Floating point numbers are totally ordered: NaN equals NaN and is greater than every other number, as DuckDB and PostgreSQL have it,
// and -0.0 equals 0.0. Strings and bytes compare bytewise. FALSE is less than TRUE. A date is its midnight, a timestamp without a zone is
// read as UTC.
//
// IN with a NULL among its values is unknown where SQL says so; IN () is FALSE for every row.
package expr
