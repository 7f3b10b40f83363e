package config

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/casbin/casbin/v2/persist"
	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

func rbacKind() LayerKind {
	return LayerKind{
		Table: "rbac",
		Doc:   "decides who may do what, down to columns and rows",
		Keys: []Key{
			{Name: "policy", Kind: Source, Required: true, Doc: "file of the rules, or the URL of a database that holds them"},
			{Name: "policy_password", Kind: SecretRef, Doc: "password of the policy's URL"},
			{Name: "refresh", Kind: Duration, Default: rbac.DefaultRefresh.String(), Doc: "how often the policy is looked at for changes, at most (`0s`: never); one that is not valid leaves the rules before in force and is logged"},
			{Name: "max_policy_age", Kind: Duration, Doc: "once the policy could not be looked at, or was not valid, for so long, every call is refused; no shorter than `refresh` (`0s`: the rules before stay in force)"},
			{Name: "mask_key", Kind: SecretRef, Doc: "key of 16 bytes or more under which columns that are shown as hashes are hashed; without one they are null"},
			{Name: "tokens", Kind: Table, Keys: tokenKeys(), Doc: "who calls: API tokens"},
			{Name: "oidc", Kind: Tables, Keys: oidcKeys(), Doc: "who calls: signed tokens of an OpenID Connect issuer; one table, or a list for several issuers"},
			{Name: "mtls", Kind: Flag, Doc: "who calls: the verified client certificate of the connection"},
			{Name: "audit", Kind: Table, Keys: auditKeys(), Doc: "records every decision and every outcome; what cannot be recorded is refused"},
		},
		open: openRBAC,
	}
}

// openRBAC makes the layer and opens its policy and its audit trail.
func openRBAC(ctx context.Context, v Values, env Env) (core.Layer, error) {
	own := env.own
	opts := []rbac.Option{rbac.Refresh(v.Duration("refresh")), rbac.MaxPolicyAge(v.Duration("max_policy_age"))}
	trail, audited := v.Table("audit")
	errs := []error{checkPolicy(v, own.reg), checkIdentities(v, env)}
	if audited {
		errs = append(errs, checkAudit(trail, env))
	}
	if env.Drawing {
		errs = append(errs, readPolicy(v, env))
		if audited {
			opts = append(opts, auditOptions(trail, noRecorder{})...)
		}
		layer, err := rbac.ParsePolicy("")
		return &drawnAccess{rbac.New(layer, opts...), policyName(v)}, errors.Join(append(errs, err)...)
	}
	key, err := maskKey(v)
	errs = append(errs, err)
	if key != nil {
		opts = append(opts, rbac.MaskKey(key))
	}
	var closePolicy func() error
	if errors.Join(errs...) == nil {
		own.policy, closePolicy, err = policyOf(ctx, v, own.reg, env.Dir)
		own.later(closePolicy)
		errs = append(errs, err)
		if audited {
			own.recorder, err = openAudit(trail, env)
			errs = append(errs, err)
			own.lenient = lenient(trail)
			opts = append(opts, auditOptions(trail, own.recorder)...)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	log := env.logger()
	opts = append(opts, rbac.OnProblem(func(err error) {
		log.Warn("the changed policy is not used, the rules before stay in force", zap.Error(err))
	}))
	own.access = rbac.New(own.policy, opts...)
	return checked(own.access)
}

// maskKey reads the key of masks, and judges it without the help of an error
// that could show it.
func maskKey(v Values) ([]byte, error) {
	if !v.Secret("mask_key").IsSet() {
		return nil, nil
	}
	text, err := v.Secret("mask_key").Reveal()
	if err != nil {
		return nil, v.Errorf("mask_key", "mask_key: %w", err)
	}
	empty, err := rbac.ParsePolicy("")
	if err == nil {
		_, err = rbac.New(empty, rbac.MaskKey([]byte(text))).Wrap(memory.New())
	}
	if err != nil {
		return nil, v.Errorf("mask_key", "mask_key: %w", err)
	}
	return []byte(text), nil
}

// checkPolicy looks at what can be known without opening anything.
func checkPolicy(v Values, reg *Registry) error {
	url := v.Text("policy")
	switch {
	case !isURL(url) && v.Written("policy_password"):
		return v.Errorf("policy_password", "policy_password: a policy in a file takes none")
	case isURL(url) && reg != nil:
		if _, err := reg.policy(url); err != nil {
			return v.Errorf("policy", "policy: %w", err)
		}
	}
	return nil
}

// readPolicy looks for mistakes in a policy's file where that is asked for; one
// that is not there is none.
func readPolicy(v Values, env Env) error {
	path := v.Text("policy")
	if !env.own.reads || isURL(path) || !isFile(path) {
		return nil
	}
	_, err := rbac.OpenPolicy(path)
	return v.failed("policy", err)
}

// policyOf opens the policy.
func policyOf(ctx context.Context, v Values, reg *Registry, dir string) (*rbac.Policy, func() error, error) {
	url := v.Text("policy")
	if !isURL(url) {
		p, err := rbac.OpenPolicy(url)
		return p, func() error { return nil }, v.failed("policy", err)
	}
	o, err := reg.policy(url)
	if err == nil && o.file && v.Written("policy_password") {
		return nil, nil, v.Errorf("policy_password", "policy_password: a policy in a file takes none")
	}
	if err == nil && v.Secret("policy_password").IsSet() {
		var password string
		if password, err = v.Secret("policy_password").Reveal(); err == nil {
			url, err = withPassword(url, password)
		}
	}
	if err != nil {
		return nil, nil, v.Errorf("policy", "policy: %w", err)
	}
	if o.file {
		url = absoluteURL(url, dir)
	}
	adapter, err := o.open(ctx, url)
	if err != nil {
		return nil, nil, v.failedURL("policy", url, err)
	}
	p, err := rbac.NewPolicy(persist.Adapter(adapter))
	if err != nil {
		return nil, nil, v.failedURL("policy", url, errors.Join(err, adapter.Close()))
	}
	return p, adapter.Close, nil
}

// policyName is what a drawing shows.
func policyName(v Values) string {
	policy := v.Text("policy")
	if scheme, _, ok := strings.Cut(policy, "://"); ok {
		return "rules in " + scheme
	}
	return "rules of " + filepath.Base(policy)
}

// drawnAccess stands for an access layer whose policy was not read.
type drawnAccess struct {
	layer  *rbac.RBAC
	policy string
}

var _ core.Layer = (*drawnAccess)(nil)

// Info tells where the rules are in place of their number.
func (d *drawnAccess) Info() core.LayerInfo {
	info := d.layer.Info()
	_, audit, _ := strings.Cut(info.Summary, ", ")
	info.Summary = d.policy + ", " + audit
	return info
}

// Wrap is the layer's.
func (d *drawnAccess) Wrap(next core.Store) (core.Store, error) { return d.layer.Wrap(next) }

// noRecorder stands for an audit trail that is not opened.
type noRecorder struct{}

// Record refuses.
func (noRecorder) Record(context.Context, rbac.Event) error {
	return fmt.Errorf("%w: the audit trail of a drawing is not opened", core.ErrUnsupported)
}
