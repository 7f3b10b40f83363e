package core

// Strict makes a silent pass-through a compile error.
//
// It has a method for every method of Store, each with a signature that nobody
// wants. A type that embeds Strict is a Store only when it declares every
// method itself: what it leaves out resolves to Strict's (the wrong type) or,
// when it embeds a Store as well, to an ambiguous selector. Enforcing layers
// embed it, so a method added to Store does not compile until they have decided
// about it.
type Strict struct{}

// EnforcingStore is a Store that provably handles every operation itself. Only
// types that embed Strict are one.
type EnforcingStore interface {
	Store
	strict()
}

// refused is a parameter that no caller has.
type refused struct{}

func (Strict) strict() {} //nolint:unused // EnforcingStore asks for it, so that nothing outside can be one

// Write stands here so that the embedding type must declare its own.
func (Strict) Write(refused) {}

// Read stands here so that the embedding type must declare its own.
func (Strict) Read(refused) {}

// Resolve stands here so that the embedding type must declare its own.
func (Strict) Resolve(refused) {}

// List stands here so that the embedding type must declare its own.
func (Strict) List(refused) {}

// Stat stands here so that the embedding type must declare its own.
func (Strict) Stat(refused) {}

// Evolve stands here so that the embedding type must declare its own.
func (Strict) Evolve(refused) {}

// Capabilities stands here so that the embedding type must declare its own.
func (Strict) Capabilities(refused) {}

// Close stands here so that the embedding type must declare its own.
func (Strict) Close(refused) {}
