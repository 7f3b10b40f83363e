package core

// Phase is a layer's place in a stack.
type Phase uint8

// The phases, outermost first. compose sorts layers by them.
const (
	PhaseObserve    Phase = iota + 1 // logging, metrics, tracing: a denied or cached call is still counted
	PhaseAccess                      // access control and audit: nothing below is touched without permission
	PhaseFallback                    // other environments: each leg is a complete stack of its own
	PhaseCatalog                     // registers what this store accepted
	PhaseEvolve                      // schema projection, over plaintext types
	PhaseCrypto                      // plaintext above, ciphertext below
	PhaseCache                       // copies of what lies below, so ciphertext
	PhaseResilience                  // retry, limits, circuit breaker: only storage faults
	PhaseProbe                       // metrics of one backend, faults and taps for tests
	endOfPhases
)

var phaseNames = [endOfPhases]string{
	PhaseObserve: "observe", PhaseAccess: "access", PhaseFallback: "fallback", PhaseCatalog: "catalog", PhaseEvolve: "evolve",
	PhaseCrypto: "crypto", PhaseCache: "cache", PhaseResilience: "resilience", PhaseProbe: "probe",
}

// String gives the lower-case name, such as "observe".
func (p Phase) String() string {
	if p.Valid() {
		return phaseNames[p]
	}
	return "unknown"
}

// Valid reports whether p is one of the phases.
func (p Phase) Valid() bool { return p > 0 && p < endOfPhases }

// Enforcing reports whether a layer of this phase must decide about every
// operation itself; compose requires its store to be built on Strict.
func (p Phase) Enforcing() bool { return p == PhaseAccess || p == PhaseCrypto }

// MarshalText gives the name, so that JSON shows phases as words.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (p *Phase) UnmarshalText(text []byte) error {
	for q := PhaseObserve; q < endOfPhases; q++ {
		if phaseNames[q] == string(text) {
			*p = q
			return nil
		}
	}
	return invalidf("unknown phase %q", text)
}

// LayerInfo describes a layer. It never contains secrets.
type LayerInfo struct {
	Name     string `json:"name"` // such as "cache"
	Phase    Phase  `json:"phase"`
	Persists bool   `json:"persists,omitempty"` // keeps row data outside process memory
	// Copies says that rows are kept in process memory beyond the call that
	// read them, as a cache does. Above crypto such copies are plaintext.
	Copies  bool   `json:"copies,omitempty"`
	Summary string `json:"summary,omitempty"` // options in a few words, such as "256 MiB"
	// Legs describes the stacks that this layer itself holds: a fallback's.
	Legs []Description `json:"legs,omitempty"`
}

// Layer makes one store out of another. Wrap does no I/O and starts nothing.
type Layer interface {
	Info() LayerInfo
	Wrap(next Store) (Store, error)
}

// Description is a stack as data: what compose draws.
type Description struct {
	Name     string            `json:"name,omitempty"`    // of the leg or environment
	Backend  string            `json:"backend,omitempty"` // such as "duckdb"
	Layers   []LayerInfo       `json:"layers,omitempty"`  // outermost first
	Accepted map[string]string `json:"accepted,omitempty"`
}
