package rbac

import (
	"context"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Recorder keeps the audit trail. The layer records the decision on every call
// before a row leaves it, and the outcome when the call, or the loop over its
// rows, has ended. Record returns once the event is as safe as the recorder
// makes it; an error means that it is not, and the call is then refused with
// core.ErrUnavailable, unless the layer was made with [AuditBestEffort].
//
// Record is called by many goroutines at once. An Event holds no row value, no
// literal of a filter and no credential.
type Recorder interface {
	Record(ctx context.Context, e Event) error
}

// Event is one decision, or the outcome of an allowed call.
type Event struct {
	Time     time.Time
	Identity string  // "user:ann"; "" when there was none
	Op       core.Op // 0 for a change of the policy
	Part     string  // "decision" or "outcome" of a call, "grant" or "revoke" for a change of the policy, "keys" for one of keys
	Feature  core.FeatureKey
	Columns  []string // what the caller asked for, nil for all
	Filter   string   // expr.Shape of the caller's filter, "" for none
	Rows     int64    // rows that were returned or written, -1 when unknown or not yet known
	Decision string   // "allow" or "deny"
	Reason   string   // the rule that decided
	Outcome  string   // "" in a decision; else "ok", "stopped" or the class of the error, see Class
	Duration time.Duration
}

// The values of Event.Part.
const (
	PartDecision = "decision"
	PartOutcome  = "outcome"
	PartGrant    = "grant"
	PartRevoke   = "revoke"
)

// The values of Event.Decision.
const (
	Allow = "allow"
	Deny  = "deny"
)
