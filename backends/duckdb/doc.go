// Package duckdb keeps feature metadata in a DuckDB database: one file, no server.
package duckdb
