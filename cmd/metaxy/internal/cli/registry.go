package cli

import (
	"context"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/crypto/kms"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
)

// registry has the backends of this program, and what its security layers may
// ask: key services and policies in databases.
func registry() *config.Registry {
	opts := append(catalogs(), config.FileBackend(duckdb.Scheme, duckdb.OpenURL), config.FilePolicies("sqlite", openPolicy))
	for _, scheme := range []string{"postgres", "postgresql"} {
		opts = append(opts, config.Policies(scheme, openPolicy))
	}
	for _, scheme := range kms.Schemes() {
		opts = append(opts, config.KMS(scheme, openLock))
	}
	return config.NewRegistry(opts...)
}

func openPolicy(ctx context.Context, url string) (config.PolicyAdapter, error) {
	p, err := sqlpolicy.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func openLock(ctx context.Context, uri string) (keys.Lock, func() error, error) {
	service, err := kms.Open(ctx, uri)
	if err != nil {
		return keys.Lock{}, nil, err
	}
	return service.Lock(), service.Close, nil
}
