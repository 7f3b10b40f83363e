package crypto

import (
	"context"
	"encoding/hex"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// KeyedVersion makes a data version of protected content: 64 hexadecimal digits
// that change with the content and tell nothing about it to who lacks the keys.
// A plain hash of a short text would let anybody who guesses the text confirm
// it. The key behind it is a part of the ring that never rotates, so that a
// rotation, or encrypting again, makes no sample stale.
//
// The column counts: equal contents of two columns have different versions.
func KeyedVersion(ctx context.Context, provider KeyProvider, feature core.FeatureKey, column string, content []byte) (string, error) {
	ring, err := provider.Ring(ctx)
	if err != nil {
		return "", unavailable(ctx, err)
	}
	sum, err := ring.Version(keys.Scope{Purpose: "version", Feature: string(feature), Column: column}, content)
	return hex.EncodeToString(sum), err
}
