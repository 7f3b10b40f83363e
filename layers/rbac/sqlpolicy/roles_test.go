package sqlpolicy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/internal/pgtest"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
)

// TestRights: the rights of the database that the guide names are enough for who
// reads and for who changes rules, and fewer are reported.
func TestRights(t *testing.T) {
	location := pgtest.Start(t)
	_, p := open(t, location)
	must(t, p.Add(base...))
	role := func(what string, rights ...string) string {
		name := fmt.Sprintf("metaxy_%s_%d", what, rand.Uint64())
		execute(t, location, "CREATE ROLE "+name+" LOGIN PASSWORD 'known'")
		for _, r := range rights {
			execute(t, location, "GRANT "+r+" TO "+name)
		}
		t.Cleanup(func() { execute(t, location, "DROP OWNED BY "+name, "DROP ROLE "+name) })
		u, err := url.Parse(location)
		must(t, err)
		u.User = url.UserPassword(name, "known")
		return u.String()
	}
	see := "SELECT ON metaxy_policy, metaxy_policy_state"
	none := role("none")
	if _, err := sqlpolicy.Open(t.Context(), none); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a role without rights: %v", err)
	}
	_, reader := open(t, role("reader", see), sqlpolicy.ReadOnly())
	_, curious := open(t, role("curious", see))
	if err := curious.Add(rbac.Member("user:eve", "role:reader")); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a change by who may only read: %v", err)
	}
	_, changer := open(t, role("changer", see, "INSERT, DELETE ON metaxy_policy"))
	must(t, changer.Add(rbac.Member("user:bob", "role:reader")))
	must(t, changer.Remove(base[4]))
	if _, err := reader.Refresh(); err != nil || reader.Can(user("ann"), core.OpRead, "a").Allowed || !reader.Can(user("bob"), core.OpRead, "a").Allowed {
		t.Errorf("what the reader sees: %v", err)
	}
}
