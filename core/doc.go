// Package core is the contract: Store, the one interface that every backend
// and every layer satisfies, the plain data that crosses it, and the graph of
// features that requests are planned from.
//
// Read store.go first; it declares the interface and nothing else.
package core
