package around

import (
	"context"
	"errors"

	"github.com/metaxy-go/metaxy/core"
)

// Class is a kind of outcome: few, fixed, and fit for a metric's label.
type Class uint8

// The classes.
const (
	ClassOK Class = iota
	ClassPartial
	ClassCanceled
	ClassTimeout
	ClassNotFound
	ClassInvalid
	ClassConflict
	ClassDependency
	ClassUnsupported
	ClassUnauthenticated
	ClassDenied
	ClassIntegrity
	ClassUnavailable
	ClassReadOnly
	ClassClosed
	ClassOther
	endOfClasses
)

var classNames = [endOfClasses]string{
	ClassOK: "ok", ClassPartial: "partial", ClassCanceled: "canceled", ClassTimeout: "timeout", ClassNotFound: "not_found",
	ClassInvalid: "invalid", ClassConflict: "conflict", ClassDependency: "dependency", ClassUnsupported: "unsupported",
	ClassUnauthenticated: "unauthenticated", ClassDenied: "denied", ClassIntegrity: "integrity", ClassUnavailable: "unavailable",
	ClassReadOnly: "read_only", ClassClosed: "closed", ClassOther: "other",
}

// String gives the name, such as "not_found".
func (c Class) String() string {
	if c < endOfClasses {
		return classNames[c]
	}
	return "unknown"
}

// Failure reports whether somebody may have to act. A feature that is not
// there, a caller who stopped and a loop left early are no failures.
func (c Class) Failure() bool { return c > ClassCanceled && c != ClassNotFound }

// Classes lists every class, for tables that must cover them all.
func Classes() []Class {
	out := make([]Class, 0, endOfClasses)
	for c := range endOfClasses {
		out = append(out, c)
	}
	return out
}

// Class says how the event ended.
func (o Outcome) Class() Class {
	if o.Err == nil && o.Partial {
		return ClassPartial
	}
	return ClassOf(o.Err)
}

// ClassOf sorts an error by the sentinel it matches.
func ClassOf(err error) Class {
	if err == nil {
		return ClassOK
	}
	// Looked at first: a driver may report a cancelled query as unavailable.
	if errors.Is(err, context.Canceled) {
		return ClassCanceled
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ClassTimeout
	}
	for _, k := range sentinelClasses() {
		if errors.Is(err, k.err) {
			return k.class
		}
	}
	return ClassOther
}

type sentinelClass struct {
	err   error
	class Class
}

func sentinelClasses() [11]sentinelClass {
	return [...]sentinelClass{
		{core.ErrFeatureNotFound, ClassNotFound},
		{core.ErrInvalid, ClassInvalid},
		{core.ErrConflict, ClassConflict},
		{core.ErrDependency, ClassDependency},
		{core.ErrUnsupported, ClassUnsupported},
		{core.ErrUnauthenticated, ClassUnauthenticated},
		{core.ErrDenied, ClassDenied},
		{core.ErrIntegrity, ClassIntegrity},
		{core.ErrUnavailable, ClassUnavailable},
		{core.ErrReadOnly, ClassReadOnly},
		{core.ErrClosed, ClassClosed},
	}
}
