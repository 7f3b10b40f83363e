package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func scope(column string) keys.Scope {
	return keys.Scope{Purpose: "cell", Feature: "video/raw", Column: column}
}

func algorithms() []keys.Algorithm {
	var out []keys.Algorithm
	for a := keys.AES256GCM; a.Valid(); a++ {
		out = append(out, a)
	}
	return out
}

func TestDerivedKeysAreIndependent(t *testing.T) {
	ring, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range algorithms() {
		one, err := ring.Cipher(a, ring.Primary(), scope("email"))
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := one.Encrypt([]byte("plain"), []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := one.Decrypt(sealed, []byte("ad")); err != nil || string(got) != "plain" {
			t.Errorf("%s: %q %v", a, got, err)
		}
		for _, s := range []keys.Scope{scope("phone"), {Purpose: "row", Feature: "video/raw", Column: "email"}, {Purpose: "cell", Feature: "video", Column: "raw/email"}, {Purpose: "cell", Feature: "video/raw", Column: "email", Secret: "s"}} {
			other, err := ring.Cipher(a, ring.Primary(), s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.Decrypt(sealed, []byte("ad")); err == nil {
				t.Errorf("%s: %+v opens what another scope wrote", a, s)
			}
		}
	}
}

func TestRotation(t *testing.T) {
	ring, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	first := ring.Primary()
	old, _ := ring.Cipher(keys.AES256GCM, first, scope("c"))
	sealed, _ := old.Encrypt([]byte("plain"), nil)
	version, _ := ring.Version(scope("c"), []byte("content"))

	added, second, err := ring.Add()
	if err != nil || added.Primary() != first || len(added.Keys()) != 2 {
		t.Fatalf("%v %v", added, err)
	}
	rotated, err := added.Promote(second)
	if err != nil || rotated.Primary() != second || ring.Primary() != first {
		t.Fatalf("%v %v", rotated, err)
	}
	again, err := rotated.Cipher(keys.AES256GCM, first, scope("c"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Decrypt(sealed, nil); err != nil || string(got) != "plain" {
		t.Errorf("the old key after rotation: %q %v", got, err)
	}
	if v, _ := rotated.Version(scope("c"), []byte("content")); !bytes.Equal(v, version) {
		t.Error("a rotation changed content versions")
	}
	if _, err := ring.Cipher(keys.AES256GCM, second, scope("c")); !errors.Is(err, keys.ErrUnknown) || !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("the old ring and the new key: %v", err)
	}
	disabled, err := rotated.Disable(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disabled.Cipher(keys.AES256GCM, first, scope("c")); !errors.Is(err, keys.ErrDisabled) {
		t.Errorf("a disabled key: %v", err)
	}
	if _, err := rotated.Disable(second); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("disable the primary: %v", err)
	}
	if _, err := rotated.Disable(1); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("disable what is not there: %v", err)
	}
	enabled, err := disabled.Enable(first)
	if err != nil || len(enabled.Enabled()) != 2 {
		t.Errorf("%v %v", enabled, err)
	}
	gone, err := disabled.Delete(first)
	if err != nil || len(gone.Keys()) != 1 {
		t.Errorf("%v %v", gone, err)
	}
}

func TestFile(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "ring.keys")
	lock := keys.Passphrase([]byte("correct horse"))
	f, err := keys.Create(ctx, path, lock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Create(ctx, path, lock); !errors.Is(err, core.ErrConflict) {
		t.Errorf("create again: %v", err)
	}
	other, err := keys.Open(ctx, path, lock)
	if err != nil {
		t.Fatal(err)
	}
	id, err := f.Rotate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := other.Ring(ctx)
	if err != nil || ring.Primary() != id || len(ring.Keys()) != 2 {
		t.Errorf("the other process has %v %v", ring, err)
	}
	if _, err := keys.Open(ctx, path, keys.Passphrase([]byte("wrong"))); !errors.Is(err, core.ErrIntegrity) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if _, err := keys.Open(ctx, path+"x", lock); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("no file: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	for what, bad := range map[string]string{
		"no JSON": "{", "another format": strings.Replace(string(text), `"format": 1`, `"format": 2`, 1), "cut": string(text[:len(text)/2]),
		"less work": strings.Replace(string(text), `"time": 3`, `"time": 2`, 1), "all memory": strings.Replace(string(text), `"memory_kib": 65536`, `"memory_kib": 4000000000`, 1),
	} {
		p := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(p, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Open(ctx, p, lock); !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("%s: %v", what, err)
		}
	}
	held, err := os.Create(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	_ = held.Close()
	if _, err := f.Rotate(ctx); !errors.Is(err, core.ErrConflict) {
		t.Errorf("two that rotate at once: %v", err)
	}
	for _, v := range []any{f, ring, lock} {
		if text := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(text, "horse") || len(text) > 400 {
			t.Errorf("%T prints as %s", v, text)
		}
	}
}

// service is a key service in memory that can be down.
type service struct {
	aead interface {
		Encrypt(a, b []byte) ([]byte, error)
		Decrypt(a, b []byte) ([]byte, error)
	}
	down  bool
	says  error // instead of its own words
	calls int
}

func (s *service) refusal() error {
	if s.says != nil {
		return s.says
	}
	return errors.New("secret-token: no route to host")
}

func (s *service) EncryptWithContext(_ context.Context, plain, ad []byte) ([]byte, error) {
	if s.calls++; s.down {
		return nil, s.refusal()
	}
	return s.aead.Encrypt(plain, ad)
}

func (s *service) DecryptWithContext(_ context.Context, sealed, ad []byte) ([]byte, error) {
	if s.calls++; s.down {
		return nil, s.refusal()
	}
	return s.aead.Decrypt(sealed, ad)
}

func TestKeyService(t *testing.T) {
	ctx := t.Context()
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	a, err := aead.New(h)
	if err != nil {
		t.Fatal(err)
	}
	kms := &service{aead: a}
	path := filepath.Join(t.TempDir(), "ring.keys")
	if _, err := keys.Create(ctx, path, keys.KMS(kms)); err != nil {
		t.Fatal(err)
	}
	f, err := keys.Open(ctx, path, keys.KMS(kms))
	if err != nil {
		t.Fatal(err)
	}
	before := kms.calls
	kms.down = true
	for range 100 {
		if _, err := f.Ring(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if kms.calls != before {
		t.Errorf("the service was asked %d times for a ring that was loaded", kms.calls-before)
	}
	if _, err := keys.Open(ctx, path, keys.KMS(kms)); !errors.Is(err, core.ErrUnavailable) || strings.Contains(err.Error(), "token") {
		t.Errorf("the service is down: %v", err)
	}
	kms.says = fmt.Errorf("%w: no right to use the key", core.ErrDenied)
	if _, err := keys.Open(ctx, path, keys.KMS(kms)); !errors.Is(err, core.ErrDenied) || errors.Is(err, core.ErrUnavailable) {
		t.Errorf("the service refuses: %v", err)
	}
	kms.says = nil
	if _, err := f.Rotate(ctx); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("rotate while the service is down: %v", err)
	}
	if _, err := keys.Open(ctx, path, keys.Passphrase([]byte("x"))); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("a passphrase for a file without: %v", err)
	}
}

func TestSubjects(t *testing.T) {
	ctx := t.Context()
	ring, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "subjects")
	s, err := keys.OpenSubjects(path)
	if err != nil {
		t.Fatal(err)
	}
	made, errs, err := s.Secrets(ctx, ring, []string{"ann", "bob"}, true)
	if err != nil || errs[0] != nil || errs[1] != nil || made[0] == made[1] || len(made[0]) != 32 {
		t.Fatalf("%v %v", errs, err)
	}
	none, errs, err := s.Secrets(ctx, ring, []string{"carl"}, false)
	if err != nil || none[0] != "" || errs[0] != nil {
		t.Errorf("an unknown subject: %q %v %v", none, errs, err)
	}
	text, _ := os.ReadFile(path)
	if bytes.Contains(text, []byte("ann")) {
		t.Error("the file names a subject")
	}
	if err := os.WriteFile(path, append(text, `{"s":"half`...), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := keys.OpenSubjects(path) // after a crash in mid-write
	if err != nil {
		t.Fatal(err)
	}
	if got, errs, err := again.Secrets(ctx, ring, []string{"ann", "bob", "dora"}, true); err != nil || errs[0] != nil || got[0] != made[0] || got[1] != made[1] {
		t.Errorf("opened again: %v %v", errs, err)
	}
	if err := again.Shred(ctx, ring, "ann"); err != nil {
		t.Fatal(err)
	}
	last, err := keys.OpenSubjects(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*keys.Subjects{again, last} {
		for _, create := range []bool{false, true} {
			got, errs, err := s.Secrets(ctx, ring, []string{"ann", "bob"}, create)
			if err != nil || !errors.Is(errs[0], keys.ErrShredded) || got[0] != "" || got[1] != made[1] {
				t.Errorf("after shredding: %q %v %v", got, errs, err)
			}
		}
	}
	if _, errs, _ := last.Secrets(ctx, mustNew(t), []string{"bob"}, false); errs[0] != nil {
		t.Errorf("another ring has other names: %v", errs)
	}
}

func mustNew(t *testing.T) *keys.Ring {
	t.Helper()
	r, err := keys.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
