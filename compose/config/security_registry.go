package config

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/persist"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// LockOpener makes the lock of a key file from the URI of a key that a key
// service holds, such as "aws-kms://arn:…". It need not ask the service. done
// gives up what the lock holds; it may be nil. Its errors hold no credential.
type LockOpener func(ctx context.Context, uri string) (lock keys.Lock, done func() error, err error)

// PolicyAdapter keeps the rules of a policy and can be closed.
type PolicyAdapter interface {
	persist.Adapter
	io.Closer
}

// PolicyOpener opens the policy that a URL names, such as "postgres://…". Its
// errors hold no secret of the URL.
type PolicyOpener func(ctx context.Context, url string) (PolicyAdapter, error)

type policyOpener struct {
	open PolicyOpener
	file bool // what follows :// is a path
}

// KMS registers a key service for the key kms of crypto tables.
func KMS(scheme string, open LockOpener) RegistryOption {
	return func(r *Registry) { r.locks[scheme] = open }
}

// Policies registers policies that are reached over the network, for the key
// policy of rbac tables.
func Policies(scheme string, open PolicyOpener) RegistryOption {
	return func(r *Registry) { r.policies[scheme] = policyOpener{open: open} }
}

// FilePolicies registers policies whose URL holds a path: a relative one is
// taken from the folder of the configuration file.
func FilePolicies(scheme string, open PolicyOpener) RegistryOption {
	return func(r *Registry) { r.policies[scheme] = policyOpener{open: open, file: true} }
}

const (
	kmsPackage    = "layers/crypto/kms"
	policyPackage = "layers/rbac/sqlpolicy"
)

// lockPackages and policyPackages are the imports that programs may have left
// out.
func lockPackages() map[string]string {
	return map[string]string{"aws-kms": kmsPackage, "gcp-kms": kmsPackage, "hcvault": kmsPackage}
}

func policyPackages() map[string]string {
	return map[string]string{"sqlite": policyPackage, "postgres": policyPackage, "postgresql": policyPackage}
}

// findIn gives what opens a URL, or says which import is missing.
func findIn[T any](url string, known map[string]T, packages map[string]string, what, option string) (T, error) {
	scheme, _, _ := strings.Cut(url, "://")
	found, ok := known[scheme]
	if ok {
		return found, nil
	}
	if pkg, ok := packages[scheme]; ok {
		return found, textError("this program was built without " + scheme + "://: import github.com/metaxy-go/metaxy/" + pkg + " and register it with config." + option)
	}
	all := append(slices.Sorted(maps.Keys(packages)), slices.Sorted(maps.Keys(known))...)
	return found, textError("unknown " + what + " " + scheme + "://" + tomltree.Suggest(scheme, all))
}

func (r *Registry) lock(uri string) (LockOpener, error) {
	return findIn(uri, r.locks, lockPackages(), "key service", "KMS")
}

func (r *Registry) policy(url string) (policyOpener, error) {
	return findIn(url, r.policies, policyPackages(), "policy", "Policies")
}
