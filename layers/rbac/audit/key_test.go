package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

func TestKeys(t *testing.T) {
	var signers []Signer
	var publics []byte
	for range 2 {
		private, public, err := GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSigner(private)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
		publics = append(publics, public...)
	}
	both, err := ParseVerifier(publics)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ParseVerifier(publics[:len(publics)/2])
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range signers {
		sig, err := s.Sign([]byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		if err := both.Verify(sig, []byte("data")); err != nil {
			t.Error(err)
		}
		if err := first.Verify(sig, []byte("data")); (err == nil) != (i == 0) {
			t.Errorf("key %d: %v", i, err)
		}
		for j := range sig {
			bad := bytes.Clone(sig)
			bad[j] ^= 1
			if both.Verify(bad, []byte("data")) == nil || both.Verify(sig[:j], []byte("data")) == nil {
				t.Errorf("byte %d", j)
			}
		}
	}
}

func TestBadKeys(t *testing.T) {
	private, public, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, []byte("x"), public, private[:50], bytes.Replace(private, []byte("M"), []byte("N"), 1)} {
		if _, err := ParseSigner(b); !errors.Is(err, core.ErrInvalid) {
			t.Error(err)
		}
	}
	for _, b := range [][]byte{nil, []byte("x"), private, append(bytes.Clone(public), private...)} {
		if _, err := ParseVerifier(b); !errors.Is(err, core.ErrInvalid) {
			t.Error(err)
		}
	}
	if _, err := NewSigner(nil); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
	if _, err := NewVerifier(ed25519.PublicKey{1}); !errors.Is(err, core.ErrInvalid) {
		t.Error(err)
	}
}

// A signer that gets into a message does not show its key.
func TestSignerPrintsNoKey(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0xab}, 32))
	s, err := NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, s); len(text) != len("ed25519 0011223344556677") {
			t.Errorf("%s: %d characters", format, len(text))
		}
	}
}
