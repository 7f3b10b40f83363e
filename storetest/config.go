package storetest

import (
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// Config says how to make the store under test. Only New is needed.
type Config struct {
	// New makes an empty store. The suite closes it. Arrow memory that the
	// store holds should come from Allocator(t), which is then checked.
	New func(t testing.TB) core.Store

	// Reopen closes s, if it is still open, and opens what it kept. Nil: nothing is durable.
	Reopen func(t testing.TB, s core.Store) core.Store

	// Skip names properties that the store does not have, each with the
	// reason. Unknown names fail, and so do entries for properties that would
	// not run anyway. A name is a code such as "W4".
	Skip map[string]string

	// Types names Arrow types (see TypeNames) that the store cannot keep, each
	// with the reason. Writing one must then be ErrUnsupported or ErrInvalid.
	// Entries for types that the store does keep fail.
	Types map[string]string

	// Native says that Capabilities().NativeResolve must be true, so that a
	// backend cannot lose its native path without a test noticing.
	Native bool

	// Kill opens the durable store kept in dir. Property P2 runs the test
	// binary again as a child which writes there, kills it in mid-write and
	// opens the directory. Nil: P2 is skipped.
	Kill func(t testing.TB, dir string) core.Store

	// Checks multiplies the number of random cases; 0 means 1.
	Checks int
}

// LayerConfig says how to make the layer under test. Only Layer is needed.
type LayerConfig struct {
	// Layer makes a new instance of the layer.
	Layer func(t testing.TB) core.Layer

	// New makes the empty store below; nil means backends/memory.
	New func(t testing.TB) core.Store

	// Reopen, Skip, Types and Checks are Config's. Reopen gets the inner store.
	Reopen func(t testing.TB, s core.Store) core.Store
	Skip   map[string]string
	Types  map[string]string
	Checks int

	// Adds are capabilities that the layer has beyond those of the store below.
	Adds core.Capabilities

	// NotCalled lists operations that the layer answers without calling the
	// same operation below, each with the reason (property Y3). An entry for an
	// operation that does reach the store below fails.
	NotCalled map[core.Op]string

	// Absorbs lists operations for which a fault below need not surface, each
	// with the reason, such as a retry (property Y2). Unused entries fail.
	Absorbs map[core.Op]string

	// Differs lists operations whose answers differ from the bare store's on
	// purpose, each with the reason (property Y1 leaves them out).
	Differs map[core.Op]string
}

// storeGroups are the groups of Run.
func storeGroups() []group {
	return []group{
		{"Write", writeProperties()},
		{"Read", readProperties()},
		{"Resolve", resolveProperties()},
		{"ListStat", listProperties()},
		{"Evolve", evolveProperties()},
		{"Errors", errorProperties()},
		{"Concurrency", concurrencyProperties()},
		{"Capabilities", capabilityProperties()},
		{"Reopen", reopenProperties()},
	}
}
