package core

import (
	"errors"
	"fmt"
)

// Sentinels. Every error that a store returns matches exactly one of these, or
// a context error, under [errors.Is].
var (
	// ErrFeatureNotFound: the store holds no commit of the feature. The only
	// error that makes a fallback ask the next store.
	ErrFeatureNotFound = errors.New("feature not found")
	// ErrInvalid: the request, the rows or the declaration is wrong.
	ErrInvalid = errors.New("invalid")
	// ErrConflict: somebody else changed what the request builds on.
	ErrConflict = errors.New("conflict")
	// ErrDependency: an upstream feature that the request needs is not held.
	ErrDependency = errors.New("missing dependency")
	// ErrUnsupported: this store cannot do it; the text says what would.
	ErrUnsupported = fmt.Errorf("not supported (%w)", errors.ErrUnsupported)
	// ErrUnauthenticated: the context carries no identity.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrDenied: the identity may not do this.
	ErrDenied = errors.New("denied")
	// ErrIntegrity: stored bytes are not what was written. Never retried and
	// never a reason to fall back.
	ErrIntegrity = errors.New("integrity violation")
	// ErrUnavailable: storage cannot be reached now. The only kind worth retrying.
	ErrUnavailable = errors.New("unavailable")
	// ErrReadOnly: the store was opened for reading.
	ErrReadOnly = errors.New("read-only")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)

// Sentinels lists every sentinel once, for tables that must cover them all.
func Sentinels() []error {
	return []error{
		ErrFeatureNotFound, ErrInvalid, ErrConflict, ErrDependency, ErrUnsupported, ErrUnauthenticated,
		ErrDenied, ErrIntegrity, ErrUnavailable, ErrReadOnly, ErrClosed,
	}
}

// Error says which operation went wrong, on which feature, and which layer or
// backend decided so. It never carries a secret or a row's value.
type Error struct {
	Op    Op
	Key   FeatureKey // may be empty for List and Close
	Layer string     // name of the layer or backend, such as "duckdb"
	Err   error
}

// Error prints as "read video/crop: duckdb: feature not found".
func (e *Error) Error() string {
	s := e.Op.String()
	if e.Key != "" {
		s += " " + printable(e.Key)
	}
	if e.Layer != "" {
		s += ": " + e.Layer
	}
	return s + ": " + e.Err.Error()
}

// Unwrap gives the cause, which matches a sentinel or a context error.
func (e *Error) Unwrap() error { return e.Err }

// WrapError puts op, key and layer around err. It leaves nil and an error that
// already is an *Error as they are, so the innermost decision stays visible.
func WrapError(op Op, key FeatureKey, layer string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Op: op, Key: key, Layer: layer, Err: err}
}

// printable keeps a hostile key from flooding or corrupting a log.
func printable(k FeatureKey) string {
	const most = 80
	if k.Validate() == nil {
		return string(k)
	}
	if len(k) > most {
		return fmt.Sprintf("%q… (%d bytes)", string(k[:most]), len(k))
	}
	return fmt.Sprintf("%q", string(k))
}
