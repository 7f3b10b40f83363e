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

// classify makes SQLite's errors core's. Their texts name tables and columns,
// never a value.
func classify(err error) error {
	if err == nil {
		return nil
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	switch code(err) {
	case codeCorrupt, codeNoDB:
		return fmt.Errorf("%w: the file is damaged (%w): set it aside and rebuild the catalog from the store", core.ErrIntegrity, err)
	case codeReadOnly:
		return fmt.Errorf("%w: %w", core.ErrReadOnly, err)
	}
	return fmt.Errorf("%w: %w", core.ErrUnavailable, err)
}
