//go:build cgo && duckdb_arrow

package main

import "testing"

// TestDuckDBScripts keeps what is written in a DuckDB file.
func TestDuckDBScripts(t *testing.T) { runScripts(t, "testdata/duckdb") }
