package around

// Part says which event of an operation a Call is.
type Part uint8

// The parts.
const (
	PartCall     Part = iota // the method call
	PartRows                 // a range over the rows of a Read
	PartNew                  // a range over Increment.New
	PartStale                // … Stale
	PartOrphaned             // … Orphaned
	PartMissing              // … Missing
	PartFeatures             // a range over a List
	endOfParts
)

var partNames = [endOfParts]string{
	PartCall: "call", PartRows: "rows", PartNew: "new", PartStale: "stale", PartOrphaned: "orphaned",
	PartMissing: "missing", PartFeatures: "features",
}

// String gives the lower-case name, such as "stale".
func (p Part) String() string {
	if p < endOfParts {
		return partNames[p]
	}
	return "unknown"
}

// Stream reports whether the event is a range over rows or features.
func (p Part) Stream() bool { return p > PartCall && p < endOfParts }
