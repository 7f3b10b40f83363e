package rbac_test

import (
	"context"
	_ "embed"
	"strings"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/storetest"
)

// teamPolicy is who may do what on the features of the fixtures.
//
//go:embed testdata/team.csv
var teamPolicy string

func as(ctx context.Context, role string) context.Context {
	return identity.With(ctx, identity.Identity{Name: identity.User + ":" + role})
}

func policy(t testing.TB, text string) *rbac.Policy {
	t.Helper()
	p, err := rbac.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// trail keeps events as text.
type trail struct {
	mu     sync.Mutex
	events []rbac.Event
	text   strings.Builder
	fail   error
}

func (r *trail) Record(_ context.Context, e rbac.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.text.WriteString(strings.Join(append(e.Columns, e.Identity, e.Filter, e.Reason, e.Outcome, string(e.Feature)), " ") + "\n")
	return r.fail
}

func (r *trail) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func config(t testing.TB, text string, opts ...rbac.Option) storetest.EnforcingConfig {
	t.Helper()
	return storetest.EnforcingConfig{
		LayerConfig: storetest.LayerConfig{
			Layer: func(t testing.TB) core.Layer { return rbac.New(policy(t, text), opts...) },
		},
		As: as, Admin: "admin", Roles: []string{"admin", "reader", "writer", "lister", "barred", "stranger"}, Matrix: "testdata/matrix.golden",
		Reader: "reader", Protected: []string{"path"},
	}
}

func TestContract(t *testing.T) {
	log := &trail{}
	cfg := config(t, teamPolicy, rbac.Audit(log))
	cfg.Logs = log.String
	storetest.RunEnforcing(t, cfg)
}

// TestContractNarrowed runs everything as somebody from whom something is
// kept, so that every read is narrowed and every resolve universal.
func TestContractNarrowed(t *testing.T) {
	cfg := config(t, teamPolicy+"p2, role:admin, **, no_such_column, hide\n")
	cfg.NotCalled = map[core.Op]string{core.OpResolve: "whoever sees a part is answered from that part"}
	storetest.RunEnforcing(t, cfg)
}
