package sqlpolicy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// TestRevokedIsRevoked: whatever one administrator takes away in whatever way is
// gone for another process with its next look.
func TestRevokedIsRevoked(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		_, here := open(t, location)
		_, there := open(t, location)
		read, ann := rbac.Permit("role:reader", "**", "read"), rbac.Member("user:ann", "role:reader")
		for _, s := range []struct {
			what string
			do   func(...rbac.Rule) error
			rule rbac.Rule
			want bool
		}{
			{"a rule is added", here.Add, read, false},
			{"the role is given", here.Add, ann, true},
			{"the role's rule is removed", here.Remove, read, false},
			{"and added", here.Add, read, true},
			{"the role is taken", here.Remove, ann, false},
			{"and given", here.Add, ann, true},
			{"a denial is added", here.Add, rbac.Forbid("role:reader", "video/*", "*"), false},
		} {
			must(t, s.do(s.rule))
			_, err := there.Refresh()
			must(t, err)
			for name, p := range map[string]*rbac.Policy{"here": here, "there": there} {
				if p.Can(user("ann"), core.OpRead, "video/raw").Allowed != s.want {
					t.Errorf("when %s ann can read %s: %v", s.what, name, !s.want)
				}
			}
		}
	})
}

// TestRefused: what casbin would take and misread is refused, whether it is
// added or stands in the database.
func TestRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		a, p := open(t, location)
		must(t, p.Add(base...))
		for _, fields := range []string{
			"p,user:a,video/x*y,read,allow", "p,user:a,video*,read,allow", "p,user:a,video/**/x,read,allow", "p,user:a,video//x,read,allow",
			"p,user:a,Video/x,read,allow", "p,user:a,**,read,Deny", "p,user:a,**,raed,allow", "p,user:a,**,close,allow", "p,ann,**,read,allow",
			"p,user:*,**,read,allow", "g,user:a,user:b", "g,*,role:r", "p2,user:a,**,email,hidden", "p2,user:a,**,e*l,hide", "p3,user:a,**,region =",
			"p,user:a\np,**,read,allow", "p,user:a,**,read,allow,x",
		} {
			rule := strings.Split(fields, ",")
			must(t, a.AddPolicy("", rule[0], rule[1:]))
			if _, err := p.Refresh(); !errors.Is(err, core.ErrInvalid) || !p.Can(user("ann"), core.OpRead, "a").Allowed {
				t.Errorf("%q: %v", fields, err)
			}
			must(t, a.RemovePolicy("", rule[0], rule[1:]))
			if _, err := p.Refresh(); err != nil {
				t.Errorf("%q removed: %v", fields, err)
			}
		}
		// Roles that are too deep together, made so by two processes.
		_, other := open(t, location)
		for i := range 5 {
			must(t, p.Add(rbac.Member(fmt.Sprintf("role:r%d", i), fmt.Sprintf("role:r%d", i+1))))
			must(t, other.Add(rbac.Member(fmt.Sprintf("role:r%d", i+6), fmt.Sprintf("role:r%d", i+7))))
		}
		if err := p.Add(rbac.Member("role:r5", "role:r6")); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("roles that are eleven deep: %v", err)
		}
		// Names, groups and roles of one name are three.
		must(t, p.Add(rbac.Permit("role:admin", "**", "write"), rbac.Member("group:admin", "role:admin")))
		if p.Can(user("admin"), core.OpWrite, "a").Allowed || p.Can(identity.Identity{Name: "role:admin"}, core.OpWrite, "a").Allowed {
			t.Error("a user is taken for a role")
		}
	})
}
