package catalog

import (
	"context"
	"hash/fnv"
	"math"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Kind is a way in which a catalog differs from its store.
type Kind uint8

// The kinds of drift.
const (
	Missing   Kind = iota + 1 // the store holds the feature, the catalog does not know it
	Extra                     // the catalog holds commits that the store does not
	Different                 // a commit or the count of a version is not the store's
	Stale                     // commits or a change of the schema are not registered
)

// String gives the name that reports use.
func (k Kind) String() string {
	switch k {
	case Missing:
		return "missing"
	case Extra:
		return "extra"
	case Different:
		return "counts"
	case Stale:
		return "stale"
	}
	return "none"
}

// MarshalText gives the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Finding is one feature that differs.
type Finding struct {
	Key  core.FeatureKey `json:"feature"`
	Kind Kind            `json:"kind"`
	Text string          `json:"text"` // what differs, without values of rows
}

// Job says what a comparison does. The zero value compares generations and
// schemas of all features, which reads no commit log and no rows.
type Job struct {
	Prefix string          // of the keys, "" all
	After  core.FeatureKey // go on behind this feature: Report.Cursor
	Limit  int             // features to look at, 0 all

	// Sample is the share of features, between 0 and 1, that are looked at in
	// depth: their commit log is compared and the versions of all their rows
	// are counted again. Which ones depends on Seed alone (0: chosen anew).
	Sample float64
	Seed   uint64

	// Limits on the load, 0 for none.
	FeaturesPerSecond float64
	RowsPerSecond     float64

	// AbandonAfter is the age from which Reconcile and Rebuild take the writer
	// of an intent for dead; DefaultAbandonAfter when not set, negative never.
	AbandonAfter time.Duration

	// AllowDrop lets Reconcile and Rebuild forget all features, or more than half
	// of at least four, because the store does not hold them. Without it they
	// refuse with ErrConflict and change nothing: the store may be another one.
	AllowDrop bool

	// Progress is called after each feature.
	Progress func(Report)
}

// Report is what a comparison found and did.
type Report struct {
	Drift    Drift           `json:"drift"`
	Checked  int64           `json:"checked"` // features
	Sampled  int64           `json:"sampled"` // of these, in depth
	Pending  int64           `json:"pending"` // features with intents that did not end
	Repaired int64           `json:"repaired"`
	Commits  int64           `json:"commits"` // registered by the repair
	Rows     int64           `json:"rows"`    // read
	Findings []Finding       `json:"findings,omitempty"`
	Seed     uint64          `json:"seed,omitempty"`  // of the sample
	After    core.FeatureKey `json:"after,omitempty"` // where it began
	Cursor   core.FeatureKey `json:"cursor,omitempty"`
	Done     bool            `json:"done"` // up to the last feature
}

// Whole reports whether every feature was looked at, that of the prefix where
// there was one: a run that ended early or went on from a cursor is a piece.
func (r Report) Whole() bool { return r.Done && r.After == "" }

// MissProbability bounds the chance that this comparison, although it found
// nothing in depth, missed a drift of versions that this share of the features
// has: (1-share)^sampled, since a feature is looked at in depth or not
// independently of what it holds. Generations and schemas are compared for
// every feature, and a drift in them is not missed. It is 1, which says nothing,
// unless the run was Whole: features that it did not come to may hold anything.
func (r Report) MissProbability(share float64) float64 {
	switch {
	case share <= 0 || r.Sampled == 0 || !r.Whole():
		return 1
	case r.Sampled == r.Checked:
		return 0
	}
	return math.Pow(1-min(share, 1), float64(r.Sampled))
}

func (r *Report) found(f Finding) {
	r.Drift.add(f.Kind)
	r.Findings = append(r.Findings, f)
}

// sampled decides about a feature by its key, so that a job that goes on from a
// cursor chooses as it would have.
func (j Job) sampled(key core.FeatureKey) bool {
	if j.Sample <= 0 || j.Sample >= 1 {
		return j.Sample >= 1
	}
	h := fnv.New64a()
	var seed [8]byte
	for i := range seed {
		seed[i] = byte(j.Seed >> (8 * i))
	}
	_, _ = h.Write(seed[:])
	_, _ = h.Write([]byte(key))
	x := h.Sum64() // FNV's high bits differ little between similar keys
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11)/(1<<53) < j.Sample
}

// pacer keeps a job below its limits; nil has none.
type pacer struct {
	features, rows   float64 // per second, 0 no limit
	began            time.Time
	nFeatures, nRows float64
}

func newPacer(j Job) *pacer {
	return &pacer{features: j.FeaturesPerSecond, rows: j.RowsPerSecond, began: time.Now()}
}

// spend waits until what was done so far is within the limits.
func (p *pacer) spend(ctx context.Context, features, rows int64) error {
	if p == nil {
		return ctx.Err()
	}
	p.nFeatures, p.nRows = p.nFeatures+float64(features), p.nRows+float64(rows)
	seconds := 0.0
	if p.features > 0 {
		seconds = p.nFeatures / p.features
	}
	if p.rows > 0 {
		seconds = max(seconds, p.nRows/p.rows)
	}
	wait := time.Duration(seconds*float64(time.Second)) - time.Since(p.began)
	if wait <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
