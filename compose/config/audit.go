package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

func auditKeys() []Key {
	return []Key{
		{Name: "dir", Kind: Path, Doc: "folder of the trail: hash-chained, signed lines; one process at a time writes it"},
		{Name: "feature", Doc: "keep a trail as this feature of the store itself, below all its layers"},
		{Name: "log", Kind: Flag, Doc: "also write each event to the program's log, without a chain"},
		{Name: "signing_key", Kind: SecretRef, Doc: "private key, as PEM, that signs the trail; `metaxy audit keygen` makes one"},
		{Name: "public_key", Kind: File, Doc: "public keys, as PEM, that `metaxy audit verify` accepts (default: that of `signing_key`); a trail that ends with a checkpoint of another key is then not written on"},
		{Name: "accept_head", Doc: "`NUMBER:HASH` of a last record, as the refusal to open a trail tells it: go on from there, after somebody has looked"},
		{Name: "sync", Default: "batch", Choices: slices.Sorted(maps.Keys(syncPolicies())), Doc: "what waits until a line is on the disk: nothing for longer than `window`, changes and denials, each call, or nothing at all"},
		{Name: "window", Kind: Duration, Positive: true, Default: "100ms", Doc: "how long a line may wait for the disk"},
		{Name: "checkpoint_records", Kind: Number, Positive: true, Default: "1000", Doc: "sign after so many records"},
		{Name: "checkpoint_interval", Kind: Duration, Positive: true, Default: "1m0s", Doc: "and after so much time when fewer came"},
		{Name: "log_checkpoints", Kind: Flag, Doc: "log the place of each checkpoint, which proves later that nothing was cut off"},
		{Name: "max_bytes", Kind: Size, Positive: true, Default: "64MiB", Doc: "size from which on a new file is begun"},
		{Name: "require", Default: "all", Choices: []string{"all", "any"}, Doc: "whether an event must be kept by all of folder, feature and log, or by any of them"},
		{Name: "async", Kind: Number, Doc: "queue this many events of permitted reads, so that reads do not wait; what finds the queue full is dropped and counted (0: no queue)"},
		{Name: "on_failure", Default: "refuse", Choices: []string{"refuse", "best_effort"}, Doc: "what becomes of a call that cannot be recorded: it is refused, or goes on unrecorded"},
	}
}

func syncPolicies() map[string]audit.SyncPolicy {
	return map[string]audit.SyncPolicy{
		"batch": audit.SyncBatch, "changes": audit.SyncChanges, "each": audit.SyncEach, "none": audit.SyncNone,
	}
}

// checkAudit looks at what can be known without opening anything.
func checkAudit(v Values, env Env) error {
	var errs []error
	dir, feature := v.Text("dir"), v.Text("feature")
	if dir == "" && feature == "" && !v.Flag("log") {
		errs = append(errs, v.Errorf("", `[%s] records nowhere: write dir = "folder", feature = "key" or log = true`, v.path()))
	}
	if (dir != "" || feature != "") && !v.Secret("signing_key").IsSet() {
		errs = append(errs, v.Errorf("", `[%s] lacks signing_key = "file:path" or "env:NAME": private key that signs the trail`, v.path()))
	}
	if feature != "" {
		if err := core.FeatureKey(feature).Validate(); err != nil {
			errs = append(errs, v.Errorf("feature", "feature: %w", err))
		}
	}
	if text := v.Text("accept_head"); text != "" {
		if _, err := audit.ParseHead(text); err != nil {
			errs = append(errs, v.Errorf("accept_head", "accept_head: %w", err))
		}
	}
	if v.Flag("log_checkpoints") && dir == "" {
		errs = append(errs, v.Errorf("log_checkpoints", "log_checkpoints without dir"))
	}
	if other, taken := env.own.shared.trails[dir]; dir != "" && taken {
		errs = append(errs, v.Errorf("dir", "dir: stores %s and %s would write one trail: each has its own folder", other, env.Store))
	}
	if dir != "" {
		env.own.shared.trails[dir] = env.Store
	}
	return errors.Join(errs...)
}

func lenient(v Values) bool { return v.Text("on_failure") == "best_effort" }

// auditOptions are those of the access layer.
func auditOptions(v Values, r rbac.Recorder) []rbac.Option {
	opts := []rbac.Option{rbac.Audit(r)}
	if lenient(v) {
		opts = append(opts, rbac.AuditBestEffort())
	}
	return opts
}

// openAudit opens the trail in all its places.
func openAudit(v Values, env Env) (rbac.Recorder, error) {
	signer, err := signerOf(v)
	if err != nil {
		return nil, err
	}
	var places []rbac.Recorder
	var logged *audit.Zap
	if v.Flag("log") || v.Flag("log_checkpoints") {
		if logged, err = audit.NewZap(env.logger()); err != nil {
			return nil, v.Errorf("log", "log: %w", err)
		}
	}
	if v.Flag("log") {
		places = append(places, logged)
	}
	if dir := v.Text("dir"); dir != "" {
		opts, err := trailOptions(v, logged)
		if err != nil {
			return nil, err
		}
		trail, err := audit.Open(dir, signer, opts...)
		if err != nil {
			return nil, v.failed("dir", err)
		}
		env.own.trail = trail
		env.own.later(trail.Close)
		places = append(places, trail)
	}
	if key := v.Text("feature"); key != "" {
		places = append(places, keepInStore(v, env, core.FeatureKey(key), signer))
	}
	return queued(v, env, together(v, places))
}

func signerOf(v Values) (audit.Signer, error) {
	secret := v.Secret("signing_key")
	if !secret.IsSet() {
		return nil, nil //nolint:nilnil // a trail in the log is not signed
	}
	text, err := secret.Reveal()
	if err != nil {
		return nil, v.Errorf("signing_key", "signing_key: %w", err)
	}
	signer, err := audit.ParseSigner([]byte(text))
	if err != nil {
		return nil, v.Errorf("signing_key", "signing_key: %w", err)
	}
	return signer, nil
}

func trailOptions(v Values, logged *audit.Zap) ([]audit.Option, error) {
	opts := []audit.Option{
		audit.Sync(syncPolicies()[v.Text("sync")]), audit.Window(v.Duration("window")), audit.MaxBytes(v.Number("max_bytes")),
		audit.CheckpointEvery(int(v.Number("checkpoint_records")), v.Duration("checkpoint_interval")),
	}
	if v.Flag("log_checkpoints") {
		opts = append(opts, audit.Anchor(logged.Anchor))
	}
	if v.Written("public_key") {
		keys, err := Trail{values: v}.Verifier()
		if err != nil {
			return nil, err
		}
		opts = append(opts, audit.Trust(keys))
	}
	if text := v.Text("accept_head"); text != "" {
		head, err := audit.ParseHead(text)
		if err != nil {
			return nil, v.Errorf("accept_head", "accept_head: %w", err)
		}
		opts = append(opts, audit.Accept(head))
	}
	return opts, nil
}

func together(v Values, places []rbac.Recorder) rbac.Recorder {
	switch {
	case len(places) == 1:
		return places[0]
	case v.Text("require") == "any":
		return audit.Any(places...)
	}
	return audit.All(places...)
}

func queued(v Values, env Env, next rbac.Recorder) (rbac.Recorder, error) {
	n := v.Number("async")
	if n == 0 {
		return next, nil
	}
	a, err := audit.NewAsync(next, int(n))
	if err != nil {
		return nil, v.Errorf("async", "async: %w", err)
	}
	env.own.later(a.Close)
	return a, nil
}

// keepInStore records in a feature of the backend, as soon as that is open.
func keepInStore(v Values, env Env, key core.FeatureKey, signer audit.Signer) rbac.Recorder {
	s := &storeRecorder{}
	env.own.bind = append(env.own.bind, func(base core.Store) error {
		kept, err := audit.NewStore(base, key, signer)
		if err != nil {
			return v.Errorf("feature", "feature: %w", err)
		}
		s.next = kept
		return nil
	})
	env.own.later(s.close)
	return s
}

// storeRecorder is an audit.Store that is made after the layer which records.
// It is bound before anybody records.
type storeRecorder struct{ next *audit.Store }

// Record is rbac.Recorder's.
func (s *storeRecorder) Record(ctx context.Context, e rbac.Event) error {
	if s.next == nil {
		return fmt.Errorf("%w: the trail's store is not open", core.ErrUnavailable)
	}
	return s.next.Record(ctx, e)
}

func (s *storeRecorder) close() error {
	if s.next == nil {
		return nil
	}
	return s.next.Close()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
