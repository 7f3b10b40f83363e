//go:build !cgo || !duckdb_arrow

package cli

// hasDuckDB tells whether this build can open DuckDB files.
const hasDuckDB = false
