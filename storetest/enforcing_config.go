package storetest

import (
	"context"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// EnforcingConfig says how to make an access or crypto layer. What does not
// apply to it stays zero, and the properties that need it are skipped with the
// reason.
type EnforcingConfig struct {
	LayerConfig

	// As puts a role's identity into a context; "" removes it. Nil: the layer
	// knows no identities (Z1 to Z4 have nothing to run on).
	As func(ctx context.Context, role string) context.Context

	// Admin is the role that may do everything; Run and the layer properties
	// run as it.
	Admin string

	// Roles are the rows of the denial matrix, which the golden file at Matrix
	// holds: operation × role on features of Graph.
	Roles  []string
	Matrix string

	// Reader may read video/raw but for the columns in Protected, of which the
	// first must be a text column of VideoSchema.
	Reader    string
	Protected []string

	// Logs gives everything that the layer said so far: log lines, metrics,
	// audit records. Z5 searches it.
	Logs func() string

	// Crypto is for layers that encrypt.
	Crypto *CryptoConfig
}

// CryptoConfig says what a crypto layer does. The layers must agree with
// LayerConfig.Layer on everything but keys.
type CryptoConfig struct {
	// Column is a text column of VideoSchema that is stored encrypted, as
	// text or binary in a column of the same name.
	Column string

	// Rotated has the keys of LayerConfig.Layer and writes with a new one.
	Rotated func(t testing.TB) core.Layer

	// Stranger has none of the keys.
	Stranger func(t testing.TB) core.Layer

	// Down has a key, audit or policy service that does not answer.
	Down func(t testing.TB) core.Layer
}

func (c EnforcingConfig) layer() LayerConfig { return c.LayerConfig }

// context is the suite's own identity.
func (c EnforcingConfig) context() context.Context {
	if c.As == nil {
		return nil
	}
	return c.As(context.Background(), c.Admin)
}

// role is a context with a role's identity.
func (c EnforcingConfig) role(e *env, role string) context.Context { return c.As(e.Context(), role) }

type enforcingRun struct {
	cfg EnforcingConfig
	l   *layerRun
}

func enforcingGroups(l *layerRun, cfg EnforcingConfig) []group {
	z := &enforcingRun{cfg, l}
	identities := func(Config) string {
		if cfg.As == nil {
			return "the layer knows no identities: EnforcingConfig.As is nil"
		}
		return ""
	}
	crypto := func(ok bool, what string) func(Config) string {
		return func(Config) string {
			if !ok {
				return "nothing to run on: " + what + " is not set"
			}
			return ""
		}
	}
	c := cfg.Crypto
	return []group{{"Enforcing", []property{
		{code: "Z1", name: "no_identity_is_unauthenticated", run: z.z1, needs: identities, why: "a forgotten check on one operation opens all the data"},
		{code: "Z2", name: "denial_matrix", run: z.z2, needs: identities, why: "who may do what must be readable, and a change of it must be seen in review"},
		{code: "Z3", name: "denial_touches_nothing_below", run: z.z3, needs: identities, why: "a denied call that reaches storage can be timed, cached and logged there"},
		{code: "Z4", name: "columns_in_filters_and_resolve_are_checked", run: z.z4, needs: identities, why: "a filter on a hidden column reads it bit by bit"},
		{code: "Z5", name: "canary_is_seen_nowhere", run: z.z5, needs: nil, why: "protected values leak through logs, metrics and error texts"},
		{code: "Z6", name: "moved_ciphertext_is_integrity", run: z.z6, needs: crypto(c != nil, "Crypto"), why: "who can write to storage could give one sample the value of another"},
		{code: "Z7", name: "every_flipped_byte_is_integrity", run: z.z7, needs: crypto(c != nil, "Crypto"), why: "a changed ciphertext must never decrypt to something"},
		{code: "Z8", name: "key_rotation", run: z.z8, needs: crypto(c != nil && c.Rotated != nil && c.Stranger != nil, "Crypto.Rotated and Stranger"), why: "keys change; what was written must stay readable, for those who have the key"},
		{code: "Z9", name: "plaintext_below_is_refused", run: z.z9, needs: crypto(c != nil, "Crypto"), why: "plaintext where ciphertext belongs was put there by somebody else"},
		{code: "Z10", name: "services_down_no_plaintext", run: z.z10, needs: crypto(c != nil && c.Down != nil, "Crypto.Down"), why: "a service that is down must not open the door"},
	}}}
}
