package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/metaxy-go/metaxy/core"
)

// state is the five-letter code of what the server says, "" when it was not
// the server.
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// passing reports whether the same transaction may succeed now.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return false
		}
	}
	code := state(err)
	switch {
	case code == "":
		// Not the server's word: the connection broke, or it could not be made.
		var commit *commitError
		return errors.As(err, &commit) || pgconn.SafeToRetry(err) || broken(err)
	case code == "40001", code == "40P01", strings.HasPrefix(code, "57P"), strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"):
		return true
	}
	return false
}

// broken reports whether the error is that of a connection.
func broken(err error) bool {
	var connect *pgconn.ConnectError
	var net interface{ Timeout() bool }
	return errors.As(err, &connect) || errors.As(err, &net) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "unexpected EOF")
}

// classify makes the driver's errors core's. Of what the server says the
// primary message goes along, which names objects; the detail, which may show
// values, does not.
func classify(err error) error {
	if err == nil {
		return nil
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	switch code := state(err); {
	case code == "25006":
		return fmt.Errorf("%w: %w", core.ErrReadOnly, err)
	case strings.HasPrefix(code, "XX"):
		return fmt.Errorf("%w: the database is damaged: %w", core.ErrIntegrity, err)
	case code == "42501":
		return fmt.Errorf("%w: %w", core.ErrDenied, err)
	case code == "28000", code == "28P01":
		return fmt.Errorf("%w: the database does not let this user in (%s)", core.ErrUnauthenticated, code)
	case strings.HasPrefix(code, "22"):
		return fmt.Errorf("%w: a value that the database cannot hold (%s)", core.ErrInvalid, code)
	}
	return fmt.Errorf("%w: %w", core.ErrUnavailable, err)
}
