package compose_test

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/fallback"
	"github.com/metaxy-go/metaxy/layers/logging"
)

// Layers find their places themselves.
func ExampleNew() {
	prod, err := compose.New(memory.New(), compose.Named("prod"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = prod.Close() }()
	store, err := compose.New(memory.New(), compose.Named("dev"),
		compose.With(fallback.New(prod), logging.New(zap.NewNop())))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()

	_, err = store.Read(context.Background(), core.ReadRequest{Key: "video/raw"})
	fmt.Println(errors.Is(err, core.ErrFeatureNotFound))
	fmt.Print(store)
	// Output:
	// true
	// dev
	// ├─ observe   logging   info: write evolve
	// ├─ fallback  fallback  prod
	// │  └─ prod
	// │     └─ backend  memory
	// └─ backend   memory
}

// Every problem is reported at once, each by its rule.
func ExampleViolations() {
	retry := with(core.LayerInfo{Name: "retry", Phase: core.PhaseResilience})
	spill := with(core.LayerInfo{Name: "spill", Phase: core.PhaseCatalog, Persists: true})
	crypto := with(core.LayerInfo{Name: "crypto", Phase: core.PhaseCrypto})
	_, err := compose.New(memory.New(), compose.With(retry, retry, spill, crypto))
	for _, v := range compose.Violations(err) {
		fmt.Println(v)
	}
	// Output:
	// repeated-layer: more than one resilience layer retry
	// no-plaintext-disk: spill keeps rows outside memory, above the crypto layer: in plaintext
}

// A rule can be accepted, with a reason that the drawing shows.
func ExampleAccept() {
	cache := with(core.LayerInfo{Name: "cache", Phase: core.PhaseEvolve, Copies: true})
	crypto := with(core.LayerInfo{Name: "crypto", Phase: core.PhaseCrypto})
	store, err := compose.New(memory.New(), compose.With(crypto, cache),
		compose.Accept(compose.PlaintextCache, "one tenant, encrypted memory"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(store)
	// Output:
	// stack
	// ├─ evolve   cache   keeps copies of rows
	// ├─ crypto   crypto
	// └─ backend  memory
	// !  plaintext-cache accepted: one tenant, encrypted memory
}

func ExampleDescribe() {
	store := memory.New()
	fmt.Print(compose.Describe(store))
	// Output:
	// stack
	// └─ backend  memory
}

func ExampleRules() {
	for _, r := range compose.Rules() {
		if r.ID == compose.OneCrypto {
			fmt.Printf("%s: %s\n", r.ID, r.Why)
		}
	}
	// Output: one-crypto: encrypting twice hides a mistake in the configuration
}
