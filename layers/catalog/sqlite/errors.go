package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"github.com/metaxy-go/metaxy/core"
)

// SQLite's primary result codes that say more than "it did not work".
const (
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeCorrupt  = 11
	codeNoDB     = 26
)

func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func busy(err error) bool { return code(err) == codeBusy || code(err) == codeLocked }

// fatal reports whether trying again is of no use.
func fatal(err error) bool {
	c := code(err)
	return c == codeReadOnly || c == codeCorrupt || c == codeNoDB
}

// damage is an error of a file that is damaged; it says what helps.
type damage struct{ err error }

func (d *damage) Error() string {
	return d.err.Error() + "; metaxy catalog rebuild --set-aside makes a new one from the store"
}

func (d *damage) Unwrap() error { return d.err }

// classify makes SQLite's errors core's. Their texts name tables and columns,
// never a value.
func classify(err error) error {
	var told *damage
	switch c := code(err); {
	case err == nil, errors.As(err, &told):
		return err
	case errors.Is(err, core.ErrIntegrity):
		return &damage{err}
	case known(err):
		return err
	case c == codeCorrupt, c == codeNoDB:
		return &damage{fmt.Errorf("%w: the file is damaged (%w)", core.ErrIntegrity, err)}
	case c == codeReadOnly:
		return fmt.Errorf("%w: %w", core.ErrReadOnly, err)
	}
	return fmt.Errorf("%w: %w", core.ErrUnavailable, err)
}

func known(err error) bool {
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}
