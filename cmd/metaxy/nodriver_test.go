//go:build !cgo || !duckdb_arrow

package main

import "testing"

// TestScriptsWithoutDriver is for a build that cannot open DuckDB files.
func TestScriptsWithoutDriver(t *testing.T) { runScripts(t, "testdata/nodriver") }
