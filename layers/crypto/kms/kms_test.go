package kms_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/crypto/kms"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var plain = []byte("a keyset that nobody may see")

// wants checks that an error matches one sentinel alone and repeats no secret.
func wants(t *testing.T, err, want error, w *world) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, s := range core.Sentinels() {
		if errors.Is(err, s) && !errors.Is(want, s) {
			t.Errorf("%v matches %v too", err, s)
		}
	}
	for _, secret := range append(slices.Clone(w.secrets), string(plain)) {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats %q: %v", secret, err)
		}
	}
}

// A ring is created, opened, rotated and opened again by another process.
func TestKeyFile(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx, path := t.Context(), filepath.Join(t.TempDir(), "ring.keys")
		s := open(t, w.uri, w.opts...)
		f, err := keys.Create(ctx, path, s.Lock())
		if err != nil {
			t.Fatal(err)
		}
		for range 60 { // far more than the 4 KiB that AWS encrypts at once
			if _, err := f.Rotate(ctx); err != nil {
				t.Fatal(err)
			}
		}
		again, err := keys.Open(ctx, path, open(t, w.uri, w.opts...).Lock())
		if err != nil {
			t.Fatal(err)
		}
		mine, _ := f.Ring(ctx)
		theirs, err := again.Ring(ctx)
		if err != nil || !slices.Equal(mine.Keys(), theirs.Keys()) || len(theirs.Keys()) != 61 {
			t.Fatalf("%v %v %v", err, mine, theirs)
		}

		_, err = keys.Open(ctx, path, open(t, w.other, w.opts...).Lock())
		wants(t, err, w.foreign, w)
		_, err = keys.Open(ctx, path, open(t, w.uri, w.denied...).Lock())
		wants(t, err, core.ErrDenied, w)

		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(text, []byte(`"keyset": "`)) + 2000
		text[at] ^= 1
		changed := filepath.Join(t.TempDir(), "changed.keys")
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = keys.Open(ctx, changed, s.Lock())
		wants(t, err, core.ErrIntegrity, w)

		w.stop()
		if _, err := again.Ring(ctx); err != nil {
			t.Errorf("a ring that was loaded needs the service: %v", err)
		}
		_, err = keys.Open(ctx, path, open(t, w.uri, append(w.opts, kms.Timeout(2*time.Second))...).Lock())
		wants(t, err, core.ErrUnavailable, w)
	})
}

func TestRefusals(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		ctx, ad := t.Context(), []byte("metaxy/keyfile/1")
		s := open(t, w.uri, w.opts...)
		if err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
		sealed, err := s.EncryptWithContext(ctx, plain, ad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.DecryptWithContext(ctx, sealed, ad); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%q %v", got, err)
		}
		for name, bad := range map[string][]byte{
			"empty": nil, "short": sealed[:3], "cut": sealed[:len(sealed)-1], "longer": append(slices.Clone(sealed), 0), "plain": plain,
			"wrapped key": flip(sealed, 45), "payload": flip(sealed, len(sealed)-20),
		} {
			_, err := s.DecryptWithContext(ctx, bad, ad)
			if err == nil {
				t.Errorf("%s: opened", name)
				continue
			}
			wants(t, err, core.ErrIntegrity, w)
		}
		_, err = s.DecryptWithContext(ctx, sealed, []byte("other"))
		wants(t, err, core.ErrIntegrity, w)
		_, err = s.DecryptWithContext(ctx, sealed, nil)
		wants(t, err, core.ErrIntegrity, w)
		_, err = open(t, w.other, w.opts...).DecryptWithContext(ctx, sealed, ad)
		wants(t, err, w.foreign, w)

		wants(t, open(t, w.missing, w.opts...).Check(ctx), w.missingIs, w)
		w.disable(t)
		wants(t, s.Check(ctx), core.ErrDenied, w)
		_, err = s.DecryptWithContext(ctx, sealed, ad)
		wants(t, err, core.ErrDenied, w)
	})
}

func flip(b []byte, at int) []byte {
	b = slices.Clone(b)
	b[at] ^= 0x10
	return b
}

// An ended context ends a call at once, and a service that says nothing is
// given up after the timeout.
func TestContextAndTimeout(t *testing.T) {
	address := silent(t)
	uris := map[string][]kms.Option{
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1":           {kms.AWSConfig(awsConfig("AKIAIOSFODNN7EXAMPLE", "hunter2"))},
		"gcp-kms://projects/p/locations/global/keyRings/r/cryptoKeys/one": nil,
		"hcvault://" + address + "/transit/keys/one":                      nil,
	}
	for uri, opts := range uris {
		opts = append(opts, kms.Endpoint("http://"+address))
		none := &world{secrets: []string{"hunter2"}}
		t.Run(uri[:7], func(t *testing.T) {
			s := open(t, uri, opts...)
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := s.EncryptWithContext(ctx, plain, nil)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 5*time.Second {
				t.Errorf("a deadline: %v after %s", err, time.Since(began))
			}
			for _, sentinel := range core.Sentinels() {
				if errors.Is(err, sentinel) {
					t.Errorf("a deadline matches %v", sentinel)
				}
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := s.DecryptWithContext(gone, plain, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			if _, err := kms.Open(gone, uri, opts...); !errors.Is(err, context.Canceled) {
				t.Errorf("Open, cancelled: %v", err)
			}
			late := open(t, uri, append(opts, kms.Timeout(150*time.Millisecond))...)
			wants(t, late.Check(t.Context()), core.ErrUnavailable, none)
		})
	}
}

func TestWrongURIs(t *testing.T) {
	for _, uri := range []string{
		"", "ring.keys", "aws-kms://", "aws-kms://alias/x", "aws-kms://arn:aws:s3:eu-central-1:1:key/1", "gcp-kms://projects/p", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
		"hcvault://", "hcvault://host/one", "hcvault://user:hunter2@host/transit/keys/one", "hcvault://host/transit/keys/one?token=hunter2", "azure-kv://hunter2", "AWS-KMS://arn:aws:kms:eu-central-1:1:key/1",
	} {
		_, err := kms.Open(t.Context(), uri)
		if !errors.Is(err, core.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", uri, err)
		}
	}
	const vault = "hcvault://host/transit/keys/one"
	for name, opt := range map[string]kms.Option{
		"http elsewhere": kms.Endpoint("http://vault.example.org:8200"), "no host": kms.Endpoint("https://"), "user": kms.Endpoint("https://a:hunter2@host"), "scheme": kms.Endpoint("ftp://host"),
		"timeout": kms.Timeout(0), "another service's": kms.Google(),
	} {
		if name == "another service's" {
			opt = kms.AWSConfig(awsConfig("a", "hunter2"))
		}
		if _, err := kms.Open(t.Context(), vault, opt); !errors.Is(err, core.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Printing a service shows its key's name and no credential.
func TestPrinting(t *testing.T) {
	s := open(t, "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1", kms.AWSConfig(awsConfig("AKIAIOSFODNN7EXAMPLE", "hunter2")))
	for _, text := range []string{s.String(), s.GoString(), s.Lock().String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "AKIA") {
			t.Error(text)
		}
	}
}
