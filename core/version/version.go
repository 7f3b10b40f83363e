// Package version computes data versions: for each sample and container the
// hash of the container's code version and of the versions it depends on.
//
// A Scheme fixes the construction. SHA256 is the default. Whatever computes
// versions elsewhere (SQL inside a database, a worker in another language) must
// give the same digest byte for byte; the golden vectors in testdata hold that.
package version

// Scheme is one way to compute data versions.
type Scheme interface {
	// Name is how files and messages call the scheme, such as "sha256".
	Name() string
	// Compile fixes everything that is the same for each sample. It is cheap.
	Compile(c Container) Hasher
	// Group starts the version of an N:1 input: the versions of one upstream
	// container within a group of samples.
	Group() Grouper
}

// Container is what enters a data version apart from upstream versions.
type Container struct {
	Name   string
	Code   string  // code version
	Inputs []Input // in any order; the scheme sorts
}

// Input names an upstream container.
type Input struct {
	Feature   string // the key's parts joined by "."
	Container string
}

// Hasher computes the versions of one container. It is for one goroutine.
type Hasher interface {
	// Append appends one sample's version to dst. versions holds the upstream
	// versions in the order of Container.Inputs; the empty version stands for
	// an optional upstream that is missing.
	Append(dst []byte, versions [][]byte) []byte
}

// Grouper computes the version of a group. It is for one goroutine.
type Grouper interface {
	// Add takes the next version, in the order of the upstream's sample ids.
	Add(version []byte)
	// Append appends the group's version to dst and starts the next group.
	Append(dst []byte) []byte
}
