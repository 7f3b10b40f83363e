package audit

import (
	"errors"
	"os"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/signature"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// What is not recorded does not happen.
func TestLayerRefuses(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	policy, err := rbac.ParsePolicy("p, user:ann, video/**, *, allow\n")
	if err != nil {
		t.Fatal(err)
	}
	dir, faults := t.TempDir(), &faults{}
	trail := open(t, dir, faults.option())
	base := memory.New()
	defer base.Close()
	store, err := rbac.New(policy, rbac.Audit(trail)).Wrap(base)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx := identity.With(t.Context(), identity.Identity{Name: "user:ann"})
	stat := func() error {
		_, err := store.Stat(ctx, core.StatRequest{Key: "video/raw"})
		return err
	}
	if err := stat(); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Fatal(err)
	}
	faults.full = true
	if err := stat(); !errors.Is(err, core.ErrUnavailable) || errors.Is(err, core.ErrFeatureNotFound) {
		t.Fatal(err)
	}
	faults.full = false
	if err := stat(); !errors.Is(err, core.ErrFeatureNotFound) {
		t.Fatal(err)
	}
	if _, err := store.Stat(ctx, core.StatRequest{Key: "audio/raw"}); !errors.Is(err, core.ErrDenied) {
		t.Fatal(err)
	}
	closed(t, trail)
	if err := stat(); !errors.Is(err, core.ErrUnavailable) {
		t.Fatal(err)
	}
	if r := verified(t, dir); r.Events != 5 || len(r.Recoveries) != 1 {
		t.Errorf("%+v", r)
	}
	got := events(t, Search(t.Context(), dir, Query{Decision: rbac.Deny}))
	if len(got) != 1 || got[0].Identity != "user:ann" || got[0].Feature != "audio/raw" || got[0].Op != core.OpStat {
		t.Errorf("%+v", got)
	}
}

// Tink's keysets sign and verify as they are, also after their keys changed.
func TestTinkKeyset(t *testing.T) {
	manager := keyset.NewManager()
	dir := t.TempDir()
	for i := range 2 {
		id, err := manager.Add(signature.ED25519KeyTemplate())
		if err != nil {
			t.Fatal(err)
		}
		if err := manager.SetPrimary(id); err != nil {
			t.Fatal(err)
		}
		handle, err := manager.Handle()
		if err != nil {
			t.Fatal(err)
		}
		signer, err := signature.NewSigner(handle)
		if err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, signer)
		if err != nil {
			t.Fatal(err)
		}
		record(t, l, i, i+1)
		closed(t, l)
		public, err := handle.Public()
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := signature.NewVerifier(public)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(t.Context(), dir, verifier); err != nil || r.Checkpoints != int64(i+1) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
