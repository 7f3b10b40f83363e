package fallback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// held is a place that holds a feature, and what it says of it.
type held struct {
	at   *place
	info core.Info
}

func (h held) name() string {
	if h.at.name == "" {
		return "this store"
	}
	return h.at.name
}

// holders asks every place. None is core.ErrFeatureNotFound.
func (s *store) holders(ctx context.Context, op core.Op, req core.StatRequest, places func(func(*place) bool)) ([]held, error) {
	var all []held
	var unavailable error
	for p := range places {
		info, err := p.store.Stat(ctx, req)
		switch {
		case err == nil:
			all = append(all, held{p, info})
		case !s.movesOn(err):
			return nil, p.errorOf(err)
		case errors.Is(err, core.ErrUnavailable) && unavailable == nil:
			unavailable = p.errorOf(err)
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	if unavailable != nil {
		return nil, unavailable
	}
	return nil, &core.Error{Op: op, Key: req.Key, Layer: Name, Err: fmt.Errorf("%w, nor in %s", core.ErrFeatureNotFound, s.legNames())}
}

// away are the places that a request sees beside this store.
func (s *store) away(local bool) func(func(*place) bool) {
	return func(yield func(*place) bool) {
		for _, p := range s.legs {
			if local || !yield(p) {
				return
			}
		}
	}
}

// seen are the places that a request sees.
func (s *store) seen(local bool) func(func(*place) bool) {
	return func(yield func(*place) bool) {
		if yield(s.here) {
			s.away(local)(yield)
		}
	}
}

func (s *store) overlaidInfo(ctx context.Context, req core.StatRequest) (core.Info, error) {
	all, err := s.holders(ctx, core.OpStat, req, s.seen(req.Local))
	if err != nil {
		return core.Info{}, err
	}
	return union(all)
}

// union describes a feature as an overlay of these places gives it.
func union(all []held) (core.Info, error) {
	info := all[0].at.signed(all[0].info)
	if len(all) == 1 {
		return info, nil
	}
	names := []string{all[0].at.name}
	fields := slices.Clone(info.Schema.Fields())
	info.ID, info.Containers = slices.Clone(info.ID), slices.Clone(info.Containers)
	info.Rows = -1
	for i, h := range all[1:] {
		names = append(names, h.at.name)
		if !slices.Equal(h.info.ID, info.ID) {
			return core.Info{}, fmt.Errorf("%w: samples are identified by %v in %s, by %v in %s",
				core.ErrConflict, info.ID, all[0].name(), h.info.ID, h.name())
		}
		var err error
		if fields, err = widest(fields, h, all[:i+1]); err != nil {
			return core.Info{}, err
		}
		for _, c := range h.info.Containers {
			if !slices.Contains(info.Containers, c) {
				info.Containers = append(info.Containers, c)
			}
		}
		info.Bytes += h.info.Bytes
		if h.info.Created.Before(info.Created) {
			info.Created = h.info.Created
		}
		if h.info.Modified.After(info.Modified) {
			info.Modified = h.info.Modified
		}
	}
	for i, f := range fields {
		if f.Name == core.ColDataVersion {
			fields[i].Type = core.DataVersionType(info.Containers)
			continue
		}
		lacks := func(h held) bool { return !h.info.Schema.HasField(f.Name) }
		fields[i].Nullable = f.Nullable || slices.ContainsFunc(all, lacks)
	}
	info.Schema, info.Origin = arrow.NewSchema(fields, nil), strings.Join(names, "+")
	return info, nil
}

// widest adds the columns of one more place to those of the places before it.
func widest(fields []arrow.Field, h held, before []held) ([]arrow.Field, error) {
	for _, f := range h.info.Schema.Fields() {
		at := slices.IndexFunc(fields, func(g arrow.Field) bool { return g.Name == f.Name })
		switch {
		case at < 0:
			fields = append(fields, f)
			continue
		case f.Name == core.ColDataVersion || arrow.TypeEqual(fields[at].Type, f.Type) || core.Widens(f.Type, fields[at].Type):
		case core.Widens(fields[at].Type, f.Type):
			fields[at].Type = f.Type
		default:
			var who []string
			for _, b := range before {
				if b.info.Schema.HasField(f.Name) {
					who = append(who, b.name())
				}
			}
			return nil, fmt.Errorf("%w: column %q is %s in %s, %s in %s; a Local request leaves the legs out",
				core.ErrConflict, f.Name, fields[at].Type, strings.Join(who, " and "), f.Type, h.name())
		}
		if slices.Contains(h.info.ID, f.Name) && !ident.Comparable(fields[at].Type, f.Type) {
			return nil, fmt.Errorf("%w: id column %q is %s in %s, which never equals %s", core.ErrConflict, f.Name, f.Type, h.name(), fields[at].Type)
		}
		fields[at].Nullable = fields[at].Nullable || f.Nullable
	}
	return fields, nil
}

// makeRoom looks at the first write of a feature that legs hold: what it
// brings must go together with what they have, and tombstones need a table.
func (s *store) makeRoom(ctx context.Context, req core.WriteRequest) error {
	return core.WrapError(core.OpWrite, req.Key(), Name, s.room(ctx, req))
}

func (s *store) room(ctx context.Context, req core.WriteRequest) error {
	if err := req.Check(); err != nil {
		return err
	}
	_, err := s.next.Stat(ctx, core.StatRequest{Key: req.Key()})
	if err == nil {
		s.here.learn(req.Key())
	}
	if !errors.Is(err, core.ErrFeatureNotFound) {
		return err
	}
	legs, err := s.holders(ctx, core.OpWrite, core.StatRequest{Key: req.Key()}, s.away(false))
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	plan := req.Plan
	ours := core.Info{Key: plan.Key(), ID: plan.Feature.ID, Containers: plan.ContainerNames(), Schema: req.Rows.Schema}
	merged, err := union(append([]held{{s.here, ours}}, legs...))
	if err != nil || !req.Tombstones {
		return err
	}
	// The legs' columns come after the ids, which have the tombstones' types.
	fields := slices.Clone(merged.Schema.Fields())
	for i, f := range fields {
		if f.Name == core.ColDataVersion {
			fields[i].Type = core.DataVersionType(plan.ContainerNames())
		}
	}
	if _, err = s.next.Write(ctx, core.WriteRequest{Plan: plan, Rows: core.RowsOf(arrow.NewSchema(fields, nil))}); err == nil {
		return nil
	}
	// Somebody else may have made it in the meantime, with other columns.
	if _, there := s.next.Stat(ctx, core.StatRequest{Key: req.Key()}); there == nil {
		return nil
	}
	return err
}

// resolveOverlaid resolves below what no leg has a part in, and else reads.
func (s *store) resolveOverlaid(ctx context.Context, req core.ResolveRequest) (core.Increment, error) {
	inLegs := func(key core.FeatureKey) (bool, error) {
		_, err := s.holders(ctx, core.OpResolve, core.StatRequest{Key: key}, s.away(false))
		if errors.Is(err, core.ErrFeatureNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	mixed, err := inLegs(req.Key())
	if err != nil {
		return core.Increment{}, err
	}
	upstreamMixed := false
	for _, u := range req.Plan.Upstream {
		in, err := inLegs(u.Feature)
		if err != nil {
			return core.Increment{}, err
		}
		upstreamMixed = upstreamMixed || in
	}
	if !mixed && !upstreamMixed {
		return s.next.Resolve(ctx, req)
	}
	inc, err := resolve.ByReading(ctx, s, req)
	if upstreamMixed {
		inc.Basis = nil
	}
	return inc, err
}
