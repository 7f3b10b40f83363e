package crypto

import (
	"context"
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// What can be wrong with a stored value. All match core.ErrIntegrity.
var (
	// ErrNotCiphertext: plaintext, or something else that this layer never
	// wrote, stands where ciphertext belongs.
	ErrNotCiphertext = fmt.Errorf("%w: not a ciphertext of this layer", core.ErrIntegrity)
	// ErrTampered: the ciphertext was changed, or belongs to another feature,
	// column, sample or data version.
	ErrTampered = fmt.Errorf("%w: the ciphertext was changed or moved", core.ErrIntegrity)
	// ErrKeyUnknown: none of the keys has the id that the value names.
	ErrKeyUnknown = keys.ErrUnknown
	// ErrKeyDisabled: the key is there and was disabled.
	ErrKeyDisabled = keys.ErrDisabled
	// ErrSubjectUnknown: the value's subject has no secret and never had one.
	ErrSubjectUnknown = fmt.Errorf("%w: the subject is unknown", core.ErrIntegrity)

	errMalformed = fmt.Errorf("%w: the decrypted bytes are no value of the column's type", core.ErrIntegrity)
)

// ValueError says which value could not be read. It carries neither the value
// nor the sample's id: rows are numbered from 1 in the order of the read.
type ValueError struct {
	Column string
	Row    int64
	Err    error
}

// Error prints as `column "email", row 3: key 12345: integrity violation: …`.
func (e *ValueError) Error() string {
	return fmt.Sprintf("column %q, row %d: %v", e.Column, e.Row, e.Err)
}

// Unwrap gives the reason.
func (e *ValueError) Unwrap() error { return e.Err }

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", core.ErrInvalid, fmt.Errorf(format, args...))
}

func integrityf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", core.ErrIntegrity, fmt.Sprintf(format, args...))
}

// unavailable makes what a key service said match a sentinel. Its text is
// dropped: nobody knows what it quotes.
func unavailable(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) {
			return err
		}
	}
	return fmt.Errorf("%w: the key service gave no keys", core.ErrUnavailable)
}

// reissue makes an error of a call that stands behind another operation name
// that operation.
func reissue(op core.Op, key core.FeatureKey, err error) error {
	var e *core.Error
	if errors.As(err, &e) {
		return &core.Error{Op: op, Key: key, Layer: e.Layer, Err: e.Err}
	}
	return core.WrapError(op, key, name, err)
}

// unsupportedFilter names the columns, never the values.
func unsupportedFilter(term expr.Expr) error {
	return fmt.Errorf("%w: storage cannot evaluate this filter on the encrypted columns among %q; leave NoResidual out to have it evaluated after decryption",
		core.ErrUnsupported, expr.Columns(term))
}
