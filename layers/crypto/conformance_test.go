package crypto_test

import (
	"context"
	"errors"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/storetest"
)

// newRing makes keys or ends the test.
func newRing(t testing.TB) *keys.Ring {
	t.Helper()
	r, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// down is a key service that does not answer.
type down struct{}

func (down) Ring(context.Context) (*keys.Ring, error) {
	return nil, errors.New("dial tcp 127.0.0.1:1: connection refused, token=hunter2")
}

func TestContract(t *testing.T) {
	ring := newRing(t)
	rotated, _, err := ring.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	stranger := newRing(t)
	for name, opts := range map[string][]crypto.Option{
		"random":        {crypto.Columns("path")},
		"deterministic": {crypto.Column("video/**", "path", crypto.Deterministic()), crypto.Column("**", "size", crypto.Deterministic())},
		"beacon":        {crypto.Column("video/*", "path", crypto.Beacon(3), crypto.HideNulls()), crypto.Columns("score")},
		"everything": {
			crypto.Column("**", "path", crypto.Random(keys.XChaCha20Poly1305)), crypto.Column("**", "size", crypto.HideNulls()),
			crypto.Columns("score", "ok", "at", "note", "value", "deep", "f"), crypto.Column("video/*", "g", crypto.BoundAs("f")),
			crypto.Column("video/*", "n", crypto.BoundAs("n", "n~2")), crypto.Column("video/*", "frames", crypto.BoundAs("n")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			layer := func(p crypto.KeyProvider) func(testing.TB) core.Layer {
				return func(testing.TB) core.Layer { return crypto.New(p, opts...) }
			}
			storetest.RunEnforcing(t, storetest.EnforcingConfig{
				LayerConfig: storetest.LayerConfig{
					Layer:     layer(ring),
					NotCalled: map[core.Op]string{core.OpResolve: "the store below resolves by reading, which is done here so that its reads are decrypted"},
				},
				Crypto: &storetest.CryptoConfig{Column: "path", Rotated: layer(rotated), Stranger: layer(stranger), Down: layer(down{})},
			})
		})
	}
}
