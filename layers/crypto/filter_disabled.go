package crypto

import (
	"encoding/binary"

	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// disabled reports whether the ring has keys that may have written and cannot be
// used.
func (t *translator) disabled() bool { return len(t.ring.Enabled()) < len(t.ring.Keys()) }

// orUnreadable adds the rows of which storage cannot tell whether a term is
// true: those whose deterministic values no enabled key wrote. Their ciphertext
// is not among the candidates, so they would be left out unseen; decrypting them
// is the error that a plain read meets.
func (t *translator) orUnreadable(pushed expr.Expr) expr.Expr {
	if !t.disabled() {
		return pushed
	}
	terms := []expr.Expr{pushed}
	for _, c := range t.compared {
		var none expr.Expr
		for _, key := range t.ring.Enabled() {
			begin := binary.BigEndian.AppendUint32(append(appendCellHead(nil, keys.AES256SIV, 0), 1), key)
			none = expr.And(none, expr.Or(
				expr.Compare{Column: c, Op: expr.Lt, Value: expr.Bytes(begin)},
				expr.Compare{Column: c, Op: expr.Ge, Value: expr.Bytes(after(begin))},
			))
		}
		terms = append(terms, none)
	}
	return expr.Or(terms...)
}

// after is the least text that is more than all that begin so.
func after(begin []byte) []byte {
	out := append([]byte{}, begin...)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			break
		}
	}
	return out
}
