package fallback

import (
	"context"
	"iter"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// Resolve is core.Store's. The store below answers what it can see whole; see
// the package's comment for the rest.
func (s *store) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := s.usable(core.OpResolve, req.Key()); err != nil {
		return core.Increment{}, err
	}
	if req.Local || len(s.legs) == 0 {
		return s.next.Resolve(ctx, req)
	}
	inc, err := s.resolve(ctx, req)
	return inc, core.WrapError(core.OpResolve, req.Key(), Name, err)
}

func (s *store) resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	if err := req.Check(); err != nil {
		return core.Increment{}, err
	}
	if s.o.overlay {
		return s.resolveOverlaid(ctx, req)
	}
	away, err := s.elsewhere(ctx, req.Key())
	if err != nil {
		return core.Increment{}, err
	}
	upstreamAway := false
	for _, u := range req.Plan.Upstream {
		isAway, err := s.elsewhere(ctx, u.Feature)
		if err != nil {
			return core.Increment{}, err
		}
		upstreamAway = upstreamAway || isAway
	}
	if !away && !upstreamAway {
		return s.next.Resolve(ctx, req)
	}
	inc, err := s.universal(ctx, req, away)
	if upstreamAway {
		inc.Basis = nil
	}
	return inc, err
}

// elsewhere reports whether a leg answers for the feature.
func (s *store) elsewhere(ctx context.Context, key core.FeatureKey) (bool, error) {
	p, err := s.where(ctx, core.OpResolve, key)
	return p != nil && p != s.here, err
}

// universal reads everything through this layer.
func (s *store) universal(ctx context.Context, req core.ResolveRequest, away bool) (core.Increment, error) {
	if !away || s.o.asRead {
		return resolve.ByReading(ctx, s, req)
	}
	// The samples of a root feature may have to be read twice.
	if req.Samples.Schema != nil && !req.Samples.Replayable {
		kept, release, err := keep(req)
		if err != nil {
			return core.Increment{}, err
		}
		defer release()
		req.Samples = kept
	}
	inc, err := resolve.ByReading(ctx, s, req)
	if err != nil || inc.Stats.Clean() {
		return inc, err
	}
	return resolve.ByReading(ctx, &heldHere{next: s, key: req.Key()}, req)
}

// heldHere is this store's view of itself for a feature that is to be written
// here from scratch: everything is read through the legs but that feature.
type heldHere struct {
	next *store
	key  core.FeatureKey
}

var _ core.Store = (*heldHere)(nil)

// Read is core.Store's.
func (h *heldHere) Read(ctx context.Context, req core.ReadRequest) (core.Rows, error) {
	req.Local = req.Local || req.Key == h.key
	return h.next.Read(ctx, req)
}

// Stat is core.Store's.
func (h *heldHere) Stat(ctx context.Context, req core.StatRequest) (core.Info, error) {
	req.Local = req.Local || req.Key == h.key
	return h.next.Stat(ctx, req)
}

// Write is core.Store's.
func (h *heldHere) Write(ctx context.Context, req core.WriteRequest) (core.Commit, error) {
	return h.next.Write(ctx, req)
}

// Resolve is core.Store's.
func (h *heldHere) Resolve(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	return resolve.ByReading(ctx, h, req)
}

// List is core.Store's.
func (h *heldHere) List(ctx context.Context, req core.ListRequest) iter.Seq2[core.Info, error] {
	return h.next.List(ctx, req)
}

// Evolve is core.Store's.
func (h *heldHere) Evolve(ctx context.Context, req core.EvolveRequest) (core.Info, error) {
	return h.next.Evolve(ctx, req)
}

// Capabilities is core.Store's.
func (h *heldHere) Capabilities() core.Capabilities { return h.next.Capabilities() }

// Close is core.Store's. The view holds nothing.
func (h *heldHere) Close() error { return nil }
