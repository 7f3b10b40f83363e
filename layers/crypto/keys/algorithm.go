package keys

import (
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcmsiv"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/aead/xchacha20poly1305"
	"github.com/tink-crypto/tink-go/v2/daead"
	"github.com/tink-crypto/tink-go/v2/daead/aessiv"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	tinkkey "github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Algorithm is a cipher. Its number is part of the stored format.
type Algorithm uint8

// The algorithms. All but AES256SIV use a random nonce for each value.
const (
	AES256GCM         Algorithm = 1
	AES256GCMSIV      Algorithm = 2
	XChaCha20Poly1305 Algorithm = 3
	XAES256GCM        Algorithm = 4
	AES256CTRHMAC     Algorithm = 5
	AES256SIV         Algorithm = 6 // deterministic
)

var algorithms = [...]struct {
	name  string
	bytes uint32 // of key material
}{
	AES256GCM: {"aes256-gcm", 32}, AES256GCMSIV: {"aes256-gcm-siv", 32}, XChaCha20Poly1305: {"xchacha20-poly1305", 32},
	XAES256GCM: {"xaes256-gcm", 32}, AES256CTRHMAC: {"aes256-ctr-hmac-sha256", 64}, AES256SIV: {"aes256-siv", 64},
}

// Valid reports whether a is one of the algorithms.
func (a Algorithm) Valid() bool { return a > 0 && int(a) < len(algorithms) }

// String gives the lower-case name, such as "aes256-gcm".
func (a Algorithm) String() string {
	if !a.Valid() {
		return "unknown"
	}
	return algorithms[a].name
}

// Cipher encrypts values under one key. What it returns begins with Tink's
// prefix of five bytes, 1 and the key id, and is safe for concurrent use.
type Cipher interface {
	Encrypt(plaintext, associatedData []byte) ([]byte, error)
	Decrypt(ciphertext, associatedData []byte) ([]byte, error)
}

// newCipher makes the primitive of derived key material.
func newCipher(a Algorithm, id uint32, material []byte) (Cipher, error) {
	k, err := tinkKey(a, id, material)
	if err != nil {
		return nil, err
	}
	m := keyset.NewManager()
	if _, err := m.AddKey(k); err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	h, err := m.Handle()
	if err != nil {
		return nil, err
	}
	if a == AES256SIV {
		d, err := daead.New(h)
		return deterministic{d}, err
	}
	return aead.New(h)
}

// deterministic gives a tink.DeterministicAEAD the names of a Cipher.
type deterministic struct{ d tink.DeterministicAEAD }

func (d deterministic) Encrypt(plaintext, ad []byte) ([]byte, error) {
	return d.d.EncryptDeterministically(plaintext, ad)
}

func (d deterministic) Decrypt(ciphertext, ad []byte) ([]byte, error) {
	return d.d.DecryptDeterministically(ciphertext, ad)
}

func tinkKey(a Algorithm, id uint32, material []byte) (tinkkey.Key, error) {
	secret := func(b []byte) secretdata.Bytes {
		return secretdata.NewBytesFromData(b, insecuresecretdataaccess.Token{})
	}
	switch a {
	case AES256GCM:
		p, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: 32, IVSizeInBytes: 12, TagSizeInBytes: 16, Variant: aesgcm.VariantTink})
		if err != nil {
			return nil, err
		}
		return aesgcm.NewKey(secret(material), id, p)
	case AES256GCMSIV:
		p, err := aesgcmsiv.NewParameters(32, aesgcmsiv.VariantTink)
		if err != nil {
			return nil, err
		}
		return aesgcmsiv.NewKey(secret(material), id, p)
	case XChaCha20Poly1305:
		p, err := xchacha20poly1305.NewParameters(xchacha20poly1305.VariantTink)
		if err != nil {
			return nil, err
		}
		return xchacha20poly1305.NewKey(secret(material), id, p)
	case XAES256GCM:
		p, err := xaesgcm.NewParameters(xaesgcm.VariantTink, 12)
		if err != nil {
			return nil, err
		}
		return xaesgcm.NewKey(secret(material), id, p)
	case AES256CTRHMAC:
		p, err := aesctrhmac.NewParameters(aesctrhmac.ParametersOpts{
			AESKeySizeInBytes: 32, HMACKeySizeInBytes: 32, IVSizeInBytes: 16, TagSizeInBytes: 32, HashType: aesctrhmac.SHA256, Variant: aesctrhmac.VariantTink,
		})
		if err != nil {
			return nil, err
		}
		return aesctrhmac.NewKey(aesctrhmac.KeyOpts{AESKeyBytes: secret(material[:32]), HMACKeyBytes: secret(material[32:]), IDRequirement: id, Parameters: p})
	case AES256SIV:
		p, err := aessiv.NewParameters(64, aessiv.VariantTink)
		if err != nil {
			return nil, err
		}
		return aessiv.NewKey(secret(material), id, p)
	}
	return nil, fmt.Errorf("unknown algorithm %d", a)
}
