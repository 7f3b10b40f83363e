package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
)

func (a *app) keysReencryptCommand(k *keyring) *cobra.Command {
	var dry bool
	var batch int
	cmd := &cobra.Command{
		Use:   "reencrypt [FEATURE…]",
		Short: "Append the rows of old keys again, under the key that writes",
		Long: `Append the latest rows that older keys wrote once more, under the key that writes
and with the same data versions: nothing becomes stale. Without FEATUREs it goes
through all that the store holds, and brings the secrets of subjects under the
new key too. Features must be declared. A store with access control wants admin
on each FEATURE, and on all ("**") where none is named.

Each batch of rows is a commit. Where it was interrupted, another call goes on.
Stop the writers of a feature meanwhile; a commit of theirs in between ends its
re-encryption. Superseded rows stay under their keys: the store is append-only.

Exit code 2 says that some rows are under old keys still.`,
		Example: `  metaxy keys reencrypt --dry-run
  metaxy keys reencrypt
  metaxy keys reencrypt video/people --batch 10000`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if batch < 1 {
				return usagef("--batch %d: want at least one row", batch)
			}
			return a.reencrypt(cmd, k, args, batch, dry)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what is under old keys, and write nothing")
	cmd.Flags().IntVar(&batch, "batch", 1<<16, "rows of a commit")
	return cmd
}

func (a *app) reencrypt(cmd *cobra.Command, k *keyring, args []string, batch int, dry bool) error {
	o, err := a.governed(cmd, k)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	var features []core.FeatureKey
	for _, arg := range args {
		key, err := core.ParseKey(arg)
		if err != nil {
			return err
		}
		features = append(features, key)
	}
	if len(args) == 0 {
		if features, err = o.Held(ctx); errors.Is(err, core.ErrDenied) {
			return fmt.Errorf("all features: %w; name those that you administer", err)
		} else if err != nil {
			return err
		}
	}
	r := &reencrypting{app: a, opened: o, batch: batch, dry: dry, named: len(args) > 0}
	var errs []error
	for _, key := range features {
		if err := r.feature(ctx, key); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(args) == 0 && len(errs) == 0 {
		errs = append(errs, r.subjects(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	r.summary()
	if r.left+r.secrets > 0 {
		return errStale
	}
	return nil
}

// reencrypting is one run over several features.
type reencrypting struct {
	*app
	opened *config.Opened
	batch  int
	dry    bool
	named  bool // by the arguments

	left, secrets int64 // rows, and secrets of subjects, under old keys
	met           bool  // something was encrypted
}

func (r *reencrypting) feature(ctx context.Context, key core.FeatureKey) error {
	use, err := r.opened.KeyUse(ctx, key)
	if err != nil {
		return err
	}
	if len(use.Every) == 0 { // nothing of it is encrypted
		if r.named {
			r.say("%s: nothing is encrypted", key)
		}
		return nil
	}
	r.met = true
	p, err := r.plan(string(key))
	if err != nil {
		return fmt.Errorf("%s: what encrypts a feature again must be declared: %w", key, err)
	}
	report, err := r.run(ctx, p)
	r.left += report.Old - report.Rewritten
	if err != nil && report.Rewritten == 0 {
		return err
	}
	line := fmt.Sprintf("%s: %d of %d rows are under old keys (%s)", key, report.Old-report.Rewritten, report.Rows, percent(report))
	if !r.dry && report.Rewritten > 0 {
		line += fmt.Sprintf(", %d encrypted again in %s", report.Rewritten, howMany(report.Commits, "commit"))
	}
	if report.Skipped > 0 {
		line += fmt.Sprintf("; %d lack a version and are stale anyway", report.Skipped)
	}
	r.say("%s", line)
	return err
}

func (r *reencrypting) run(ctx context.Context, p *core.Plan) (crypto.ReencryptReport, error) {
	if r.dry {
		return r.opened.OldKeys(ctx, p)
	}
	bar := r.progress("re-encrypting "+string(p.Key()), -1)
	defer bar.done()
	return r.opened.Reencrypt(ctx, p, r.batch, bar.at)
}

// subjects brings the secrets of subjects under the key that writes.
func (r *reencrypting) subjects(ctx context.Context) error {
	if r.opened.Subjects == nil {
		return nil
	}
	ring, err := r.opened.Keys.Ring(ctx)
	if err != nil {
		return err
	}
	old := 0
	for id, n := range r.opened.Subjects.Under() {
		if id != ring.Primary() {
			old += n
		}
	}
	switch {
	case old == 0:
		return nil
	case r.dry:
		r.secrets = int64(old)
		r.say("subjects: %s under old keys", howMany(old, "secret"))
		return nil
	}
	err = r.opened.ChangeKeys(ctx, "rewrap subjects", func() error { return r.opened.Subjects.Rewrap(ctx, r.opened.Keys) })
	if err != nil {
		return err
	}
	r.say("subjects: %s encrypted again", howMany(old, "secret"))
	return nil
}

func (r *reencrypting) summary() {
	switch {
	case r.left+r.secrets > 0:
		r.say("%s and %s of subjects are under old keys", howMany(r.left, "row"), howMany(r.secrets, "secret"))
	case r.met && r.named:
		r.say("nothing of these features is under old keys")
	case r.met:
		r.say("nothing is under old keys")
	case !r.named:
		r.say("the store holds nothing encrypted")
	}
}

// percent prints the share under old keys; what is not nothing is not 0.
func percent(r crypto.ReencryptReport) string {
	share := 100 * r.Share()
	if share > 0 && share < 0.1 {
		return "less than 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", share)
}
