package stacktest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// caller is who makes every call: somebody who may do everything.
var caller = identity.Identity{Name: "user:ann", Groups: []string{"group:team"}}

func (g *generator) ctx() context.Context { return identity.With(g.t.Context(), caller) }

// rbac has policies of all forms under which the caller sees everything, among
// rules about others.
func (g *generator) rbac() core.Layer {
	text := pick(g,
		"p, user:ann, **, *, allow\n",
		"p, *, **, *, allow\n",
		"p, role:all, **, *, allow\ng, user:ann, role:all\n",
		"p, role:all, **, *, allow\ng, role:some, role:all\ng, group:team, role:some\n",
		"p, role:a, **, read, allow\np, role:a, **, write, allow\np, role:b, **, resolve, allow\np, role:b, **, list, allow\np, role:b, **, stat, allow\np, role:b, **, evolve, allow\n"+
			"g, user:ann, role:a\ng, group:team, role:b\n",
	)
	for _, more := range []string{
		"p2, user:bob, **, path, hide\n", "p2, *, **, size, null\np2, user:ann, **, size, read\n",
		"p3, role:few, video/**, size > 3\n", "p, user:bob, **, *, deny\n", "p, user:ann, elsewhere/**, read, deny\n",
		// From whom a part is kept, be it nothing, is answered by reading.
		"p2, user:ann, **, nothing_of_this_name, hide\n",
	} {
		if g.coin() {
			text += more
		}
	}
	policy, err := rbac.ParsePolicy(text)
	if err != nil {
		g.t.Error(err)
		return nil
	}
	return rbac.New(policy, pick(g, nil, rbac.Audit(forgetful{}), rbac.MaskKey([]byte("a key of sixteen bytes"))))
}

// forgetful records nothing, but looks whether it is told more than it may.
type forgetful struct{}

func (forgetful) Record(_ context.Context, e rbac.Event) error {
	if e.Identity != caller.Name || e.Decision != rbac.Allow || strings.Contains(fmt.Sprint(e), "s00") {
		return fmt.Errorf("%w: recorded %+v", core.ErrIntegrity, e)
	}
	return nil
}

// crypto encrypts some of the columns that the calls write, read and filter on.
func (g *generator) crypto() core.Layer {
	var opts []crypto.Option
	for _, column := range []string{"path", "size", "note"} {
		how := pick(g,
			nil, // stays plain
			[]crypto.ColumnOption{},
			[]crypto.ColumnOption{crypto.Deterministic()},
			[]crypto.ColumnOption{crypto.Beacon(3)},
			[]crypto.ColumnOption{crypto.HideNulls(), crypto.Random(keys.XChaCha20Poly1305)},
		)
		if how != nil {
			opts = append(opts, crypto.Column(pick(g, "**", "video/*", "video/raw"), column, how...))
		}
	}
	return crypto.New(g.ring, opts...)
}

// accepts is what must be accepted by name of layers: a cache above crypto.
func accepts(layers []core.Layer) []compose.Option {
	copies, encrypts := false, false
	for _, l := range layers {
		info := l.Info()
		copies = copies || info.Copies && info.Phase < core.PhaseCrypto
		encrypts = encrypts || info.Phase == core.PhaseCrypto
	}
	if copies && encrypts {
		return []compose.Option{compose.Accept(compose.PlaintextCache, "the test wants it")}
	}
	return nil
}

// newRing makes the keys of all stacks.
func newRing(t *testing.T) *keys.Ring {
	t.Helper()
	ring, err := keys.New()
	if err == nil {
		ring, _, err = ring.Rotate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return ring
}
