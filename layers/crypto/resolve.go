package crypto

import (
	"context"
	"errors"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// Resolve runs below where it needs ids and data versions alone, which are
// never encrypted; as soon as a protected column takes part it runs here, over
// this layer's own reads.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.enter(ctx, core.OpResolve, req.Key(), req.Check); err != nil {
		return core.Increment{}, err
	}
	if s.below.NativeResolve {
		safe, err := s.delegable(ctx, req)
		if err != nil {
			return core.Increment{}, err
		}
		if safe {
			return s.next.Resolve(ctx, req)
		}
	}
	return resolve.ByReading(ctx, s, req)
}

// delegable reports whether no protected column takes part.
func (s *store) delegable(ctx context.Context, req core.ResolveRequest) (bool, error) {
	if req.Plan.Root() {
		// The samples go below as they are, so they must hold nothing else.
		return req.Samples.Schema.NumFields() == len(req.Plan.Feature.ID)+1, nil
	}
	for _, u := range req.Plan.Upstream {
		used := slices.Concat(expr.Columns(u.Filter), u.On)
		for _, c := range req.Columns {
			used = append(used, u.Original(c))
		}
		for _, k := range u.Key {
			used = append(used, u.Original(k))
		}
		used = slices.DeleteFunc(used, func(c string) bool { return slices.Contains(u.ID, c) || c == core.ColDataVersion })
		if len(used) == 0 {
			continue
		}
		v, err := s.stat(ctx, core.OpResolve, core.StatRequest{Key: u.Feature, Local: req.Local})
		if errors.Is(err, core.ErrFeatureNotFound) {
			continue
		}
		if err != nil {
			return false, reissue(core.OpResolve, req.Key(), err)
		}
		if len(v.columns) > 0 || len(v.bare) > 0 {
			return false, nil
		}
	}
	return true, nil
}
