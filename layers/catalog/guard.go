package catalog

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// guard refuses to make the catalog forget what it knows because the store lacks
// all of it, or more than half of at least four features: that store is more
// likely the wrong one, or not filled yet. One prefix alone may well be gone.
func (s *store) guard(ctx context.Context, prefix string) error {
	known, lost, err := s.lost(ctx, prefix)
	if err == nil && prefix != "" && tooMany(known, lost) {
		known, lost, err = s.lost(ctx, "")
	}
	if err != nil || !tooMany(known, lost) {
		return err
	}
	return fmt.Errorf("%w: catalog: the store lacks %d of the %d features that the catalog knows, so it may not be this catalog's store: "+
		"if they are really gone, allow the catalog to forget them", core.ErrConflict, lost, known)
}

func tooMany(known, lost int64) bool {
	return lost > 0 && (lost == known || known >= 4 && 2*lost > known)
}

// mostLooks bounds how many features that seem lost are asked for once more.
const mostLooks = 20

// lost counts the features that the catalog knows, and those of them that the
// store lacks.
func (s *store) lost(ctx context.Context, prefix string) (known, lost int64, err error) {
	for p, err := range s.pairs(ctx, prefix, "") {
		if err != nil {
			return known, lost, err
		}
		if !p.entry.Known() {
			continue
		}
		known++
		if p.info.Generation > 0 {
			continue
		}
		if lost < mostLooks { // it may have been written between the two lists
			if p, err = s.look(ctx, p.key); err != nil {
				return known, lost, err
			}
		}
		if p.info.Generation == 0 {
			lost++
		}
	}
	return known, lost, nil
}

// pieces are runs that go on where the last one ended.
type pieces struct {
	began  Time
	cursor core.FeatureKey
	drift  Drift
}

// looked remembers what a comparison of everything found, be it in pieces.
func (k *Keeper) looked(s *store, w *work, mends bool, began Time) {
	if w.job.Prefix != "" {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case w.job.After == "":
		k.pieces = &pieces{began: began}
	case k.pieces == nil || k.pieces.cursor != w.job.After:
		k.pieces = nil
		return
	}
	p := k.pieces
	p.cursor = w.report.Cursor
	if !mends {
		p.drift.plus(w.report.Drift)
	}
	if !w.report.Done {
		return
	}
	k.drift, k.pieces = p.drift, nil
	if p.drift.Clean() {
		s.mu.Lock()
		s.compared = p.began
		s.mu.Unlock()
	}
}
