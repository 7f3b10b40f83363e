package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/metaxy-go/metaxy/core"
)

// Signer signs checkpoints. Tink's tink.Signer is one, and so is what
// [NewSigner] makes.
type Signer interface {
	Sign(data []byte) ([]byte, error)
}

// Verifier checks what a Signer signed. Tink's tink.Verifier is one.
type Verifier interface {
	Verify(signature, data []byte) error
}

// keyIDBytes of the public key's SHA-256 stand before a signature, so that a
// verifier with old and new keys takes the right one.
const keyIDBytes = 8

func keyID(public ed25519.PublicKey) [keyIDBytes]byte {
	sum := sha256.Sum256(public)
	return [keyIDBytes]byte(sum[:])
}

type signer struct {
	id  [keyIDBytes]byte
	key ed25519.PrivateKey
}

// NewSigner signs with an Ed25519 key.
func NewSigner(key ed25519.PrivateKey) (Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("audit: %w: an Ed25519 private key has %d bytes", core.ErrInvalid, ed25519.PrivateKeySize)
	}
	public := ed25519.NewKeyFromSeed(key.Seed())[ed25519.PrivateKeySize-ed25519.PublicKeySize:]
	return signer{keyID(ed25519.PublicKey(public)), key}, nil
}

func (s signer) Sign(data []byte) ([]byte, error) {
	return append(s.id[:], ed25519.Sign(s.key, data)...), nil
}

// String keeps the key out of messages.
func (s signer) String() string { return fmt.Sprintf("ed25519 %x", s.id) }

// GoString keeps the key out of messages.
func (s signer) GoString() string { return s.String() }

type verifier map[[keyIDBytes]byte]ed25519.PublicKey

// NewVerifier accepts signatures of any of these Ed25519 keys: after a key was
// changed, the old and the new.
func NewVerifier(keys ...ed25519.PublicKey) (Verifier, error) {
	v := verifier{}
	for _, k := range keys {
		if len(k) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("audit: %w: an Ed25519 public key has %d bytes", core.ErrInvalid, ed25519.PublicKeySize)
		}
		v[keyID(k)] = k
	}
	if len(v) == 0 {
		return nil, fmt.Errorf("audit: %w: no public key", core.ErrInvalid)
	}
	return v, nil
}

func (v verifier) Verify(signature, data []byte) error {
	if len(signature) != keyIDBytes+ed25519.SignatureSize {
		return fmt.Errorf("%w: a signature of %d bytes", core.ErrIntegrity, len(signature))
	}
	key, ok := v[[keyIDBytes]byte(signature)]
	if !ok {
		return fmt.Errorf("%w: signed by the unknown key %x", core.ErrIntegrity, signature[:keyIDBytes])
	}
	if !ed25519.Verify(key, data, signature[keyIDBytes:]) {
		return fmt.Errorf("%w: wrong signature", core.ErrIntegrity)
	}
	return nil
}

// GenerateKey makes a key pair as two PEM texts: PKCS #8, which is a secret, and
// PKIX.
func GenerateKey() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	privDER, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	pubDER, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: privDER}), pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: pubDER}), nil
}

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// ParseSigner reads the first PEM text of GenerateKey.
func ParseSigner(private []byte) (Signer, error) {
	block, _ := pem.Decode(private)
	if block == nil || block.Type != privateBlock {
		return nil, errKey
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errKey // the parser's text may quote the key
	}
	priv, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errKey
	}
	return NewSigner(priv)
}

// ParseVerifier reads one or more public keys in PEM, one after the other.
func ParseVerifier(public []byte) (Verifier, error) {
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(public); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != publicBlock {
			return nil, errKey
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errKey
		}
		pub, ok := key.(ed25519.PublicKey)
		if !ok {
			return nil, errKey
		}
		keys = append(keys, pub)
	}
	return NewVerifier(keys...)
}

var errKey = fmt.Errorf("audit: %w: no Ed25519 key in PEM", core.ErrInvalid)
