package crypto

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// Pushed says who answers one term of a filter. Literals are shown as "?".
type Pushed struct {
	Term    string // as the caller wrote it
	Storage string // what the store below is asked, "" when nothing
	Above   bool   // evaluated here as well, after decryption
	Refused bool   // instead of that, since the layer has NoResidual
}

// String prints as `storage: owner IN (?)`, `above: email > ?`, or both.
func (p Pushed) String() string {
	switch above := "above: " + p.Term; {
	case p.Refused:
		return "refused: " + p.Term
	case !p.Above:
		return "storage: " + p.Storage
	case p.Storage == "":
		return above
	default:
		return "storage: " + p.Storage + "; " + above
	}
}

// Pushes says who would answer a filter on a feature, term by term, by the modes
// of its columns and the keys that there are now. Capabilities tells the same of
// columns that are not protected, which is all that it can. No row is read. below
// is the store under the layer.
func (c *Crypto) Pushes(ctx context.Context, below core.Store, key core.FeatureKey, filter expr.Expr) ([]Pushed, error) {
	out, err := c.pushes(ctx, below, key, filter)
	return out, core.WrapError(core.OpRead, key, name, err)
}

func (c *Crypto) pushes(ctx context.Context, below core.Store, key core.FeatureKey, filter expr.Expr) ([]Pushed, error) {
	info, err := below.Stat(ctx, core.StatRequest{Key: key, Local: true})
	if err != nil {
		return nil, err
	}
	v, err := c.options.view(info)
	if err != nil {
		return nil, err
	}
	ring, err := (&store{keys: c.keys}).ring(ctx)
	if err != nil {
		return nil, err
	}
	if err := trustAll(v.columns, ring, key); err != nil {
		return nil, err
	}
	if filter != nil {
		if _, err := expr.Bind(filter, v.info.Schema); err != nil {
			return nil, fmt.Errorf("%w: %w", core.ErrInvalid, err)
		}
	}
	t := &translator{view: &v, ring: ring, feature: key}
	var out []Pushed
	for _, term := range expr.Conjuncts(filter) {
		pushed, exact, err := t.term(term)
		if err != nil {
			return nil, err
		}
		p := Pushed{Term: expr.Shape(term), Above: !exact, Refused: !exact && c.options.noResidual}
		if pushed != nil && !p.Refused {
			p.Storage = expr.Shape(pushed)
		}
		out = append(out, p)
	}
	return out, nil
}
