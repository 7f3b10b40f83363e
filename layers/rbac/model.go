package rbac

import (
	_ "embed"
	"fmt"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// modelText is the policy's meaning in casbin's language: a denial wins,
// nothing is allowed by default.
//
//go:embed model.conf
var modelText string

// maxDepth is how many roles may follow one another. casbin does not look
// further and would miss a denial there.
const maxDepth = 10

func newModel() (model.Model, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("rbac: the embedded model: %w", err)
	}
	return m, nil
}

// Enforcer makes a casbin enforcer of the rules as they are now, for casbin's
// tools and for comparison: requests are (name, feature, action). The layer
// itself does not use it.
func (p *Policy) Enforcer() (*casbin.Enforcer, error) {
	m, err := newModel()
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("rbac: %w", err)
	}
	e.AddFunction("featureMatch", func(args ...any) (any, error) {
		if len(args) != 2 {
			return false, nil
		}
		key, ok := args[0].(string)
		pattern, ok2 := args[1].(string)
		return ok && ok2 && matchFeature(key, pattern), nil
	})
	for _, r := range p.Rules() {
		if r.kind == member {
			_, err = e.AddGroupingPolicy(r.fields)
		} else {
			_, err = e.AddNamedPolicy(string(r.kind), r.fields)
		}
		if err != nil {
			return nil, fmt.Errorf("rbac: %w", err)
		}
	}
	return e, nil
}
