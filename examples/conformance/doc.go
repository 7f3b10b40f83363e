// Package conformance holds tests alone: the layers that enforce something, on
// their own and together, over DuckDB. They stand in this module because it is
// the one that has all of them.
package conformance
