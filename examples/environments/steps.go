package main

import (
	"errors"
	"fmt"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/resolve"
)

// prod materialises everything.
func (w world) prod() error {
	return w.in("prod", map[string]string{"PROD_READ_ONLY": "false"}, func(s *compose.Stack) error {
		if err := w.write(s, videos()...); err != nil {
			return err
		}
		w.say("prod computes everything")
		return w.materialise(s, crop, transcript, search)
	})
}

// staging tries other frames of video b, and has computed the crops by now.
func (w world) staging() error {
	changed := videos()
	changed[1].frames = "f2"
	return w.in("staging", map[string]string{"STAGING_READ_ONLY": "false"}, func(s *compose.Stack) error {
		if err := w.write(s, changed...); err != nil {
			return err
		}
		w.say("\nstaging has other frames of video b, and computes the crops")
		return w.materialise(s, crop)
	})
}

// dev is empty, reads through, and changes the sound of video e.
func (w world) dev() error {
	return w.in("dev", nil, func(s *compose.Stack) error {
		w.say("\nthe stack of dev\n")
		w.say("%s", s)
		w.say("dev is empty and reads")
		if err := w.look(s); err != nil {
			return err
		}
		w.say("\nand would compute")
		if err := w.todo(s); err != nil {
			return err
		}

		w.say("\ndev changes the sound of video e, and computes")
		if err := w.write(s, video{"e", "f1", "s2"}); err != nil {
			return err
		}
		if err := w.materialise(s, crop, transcript, search); err != nil {
			return err
		}
		w.say("\nthen it reads")
		if err := w.look(s); err != nil {
			return err
		}
		w.say("\nand would compute")
		if err := w.todo(s); err != nil {
			return err
		}
		return w.refused()
	})
}

// refused shows that only the machine that may write to prod can.
func (w world) refused() error {
	return w.in("staging", nil, func(s *compose.Stack) error {
		err := w.write(s, videos()...)
		if !errors.Is(err, core.ErrReadOnly) {
			return fmt.Errorf("staging was written from here: %w", err)
		}
		w.say("\nfrom here, staging and prod are %s", core.ErrReadOnly)
		return nil
	})
}

// materialise computes what is new or stale of these features.
func (w world) materialise(s core.Store, keys ...core.FeatureKey) error {
	for _, key := range keys {
		plan, err := w.graph.Plan(key)
		if err != nil {
			return err
		}
		report, err := resolve.Materialize(w.ctx, s, plan, nil)
		if err != nil {
			return err
		}
		w.say("  %-17s %d written, %d current", key, report.Written, report.Stats.Unchanged)
	}
	return nil
}

// look says who answers for each feature.
func (w world) look(s core.Store) error {
	for _, key := range []core.FeatureKey{raw, crop, transcript, search} {
		info, err := s.Stat(w.ctx, core.StatRequest{Key: key})
		if err != nil {
			return err
		}
		from, err := w.origins(s, key)
		if err != nil {
			return err
		}
		w.say("  %-17s origin %-9q %s", key, info.Origin, from)
	}
	return nil
}

// todo says what is to be computed.
func (w world) todo(s core.Store) error {
	for _, key := range []core.FeatureKey{crop, transcript, search} {
		plan, err := w.graph.Plan(key)
		if err != nil {
			return err
		}
		inc, err := s.Resolve(w.ctx, core.ResolveRequest{Plan: plan})
		if err != nil {
			return err
		}
		w.say("  %-17s %d new, %d stale", key, inc.Stats.New, inc.Stats.Stale)
	}
	return nil
}
