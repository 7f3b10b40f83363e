package rbac

import (
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Decides is the decision that the layer makes, without the reason that Can
// finds for people.
func Decides(p *Policy, id identity.Identity, op core.Op, key core.FeatureKey) bool {
	a := p.now.Load().access(id, key)
	return a.may(actionOf(op))
}
