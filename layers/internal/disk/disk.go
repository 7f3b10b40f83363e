// Package disk has what layers need of files that several processes share.
package disk

import "errors"

// ErrHeld says that another process, or another handle of this one, holds a lock.
var ErrHeld = errors.New("somebody else holds the lock")
