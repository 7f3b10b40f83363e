// Package kms locks key files with a key service: AWS KMS, Google Cloud KMS or
// the transit engine of HashiCorp Vault, each through Tink's integration.
//
//	service, err := kms.Open(ctx, "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/…")
//	ring, err := keys.Open(ctx, "ring.keys", service.Lock())
//
// The service never sees a value or the keyset. It wraps one fresh data key for
// each save of the file, and that key encrypts the keyset (envelope encryption),
// so a keyset of any size fits. It is asked when a ring is loaded or saved, and
// may be down meanwhile.
//
// This package is a module of its own: who does not use it does not download
// the three SDKs.
package kms

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// The schemes of key URIs.
const (
	schemeAWS    = "aws-kms"
	schemeGoogle = "gcp-kms"
	schemeVault  = "hcvault"
)

// Schemes lists the schemes that Open knows.
func Schemes() []string { return []string{schemeAWS, schemeGoogle, schemeVault} }

// Service is one key of a key service. It is safe for concurrent use.
type Service struct {
	uri     string
	scheme  string
	timeout time.Duration
	remote  remote
}

var _ tink.AEADWithContext = (*Service)(nil)

// remote is what a provider does: the calls, and what its errors mean.
type remote interface {
	tink.AEADWithContext
	// classify gives a code of the provider's own for the text of an error, ""
	// when it gave none, and the sentinel that the error matches. No other word
	// of the error is repeated: nobody knows what it quotes.
	classify(decrypting bool, err error) (code string, sentinel error)
	close() error
}

// Open prepares the use of a key:
//
//	aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID        (or alias/NAME)
//	gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K
//	hcvault://HOST[:PORT]/MOUNT/keys/NAME
//
// Credentials come from where the provider's tools look for them (AWS: the
// default chain; Google: application default credentials; Vault: VAULT_TOKEN
// and the other variables of its client), unless an option says otherwise. A
// wrong URI or option is core.ErrInvalid. The key itself is met at the first
// use: Check asks at once.
func Open(ctx context.Context, uri string, opts ...Option) (*Service, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o := options{timeout: defaultTimeout}
	for _, set := range opts {
		set(&o)
	}
	scheme, rest, _ := strings.Cut(uri, "://")
	s := &Service{uri: uri, scheme: scheme, timeout: o.timeout}
	err := o.check(scheme)
	if err != nil {
		return nil, err
	}
	switch scheme {
	case schemeAWS:
		s.remote, err = openAWS(ctx, rest, &o)
	case schemeGoogle:
		s.remote, err = openGoogle(ctx, uri, rest, &o)
	case schemeVault:
		s.remote, err = openVault(uri, &o)
	default:
		return nil, invalidf("a key URI begins with one of %s, each with ://", strings.Join(Schemes(), ", "))
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Lock is the lock for keys.Create and keys.Open.
func (s *Service) Lock() keys.Lock { return keys.KMS(s) }

// String gives the key's URI, in which there is no secret.
func (s *Service) String() string { return s.uri }

// GoString is String: %#v must not walk into clients that hold credentials.
func (s *Service) GoString() string { return s.uri }

// Close ends the connections that Open made.
func (s *Service) Close() error {
	if err := s.remote.close(); err != nil {
		return fmt.Errorf("%w: %s: the connection did not close", core.ErrUnavailable, s.scheme)
	}
	return nil
}

// Check has the service wrap and unwrap a few bytes, and so finds out whether
// the key is there and may be used.
func (s *Service) Check(ctx context.Context) error {
	sealed, err := s.EncryptWithContext(ctx, []byte("check"), []byte("metaxy/kms/check"))
	if err == nil {
		_, err = s.DecryptWithContext(ctx, sealed, []byte("metaxy/kms/check"))
	}
	return err
}

// EncryptWithContext encrypts under a fresh data key, which the service wraps.
// The associated data is authenticated with both.
func (s *Service) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	return s.do(ctx, false, associatedData, func(ctx context.Context, e envelope) ([]byte, error) {
		return e.EncryptWithContext(ctx, plaintext, associatedData)
	})
}

// DecryptWithContext undoes EncryptWithContext. core.ErrIntegrity: the bytes
// were changed, or are of another key or with other associated data.
func (s *Service) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	return s.do(ctx, true, associatedData, func(ctx context.Context, e envelope) ([]byte, error) {
		return e.DecryptWithContext(ctx, ciphertext, associatedData)
	})
}

type envelope = *aead.KMSEnvelopeAEADWithContext

// do runs one call with a time limit and says what its error means.
func (s *Service) do(ctx context.Context, decrypting bool, ad []byte, call func(context.Context, envelope) ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := &wrapper{remote: s.remote, ad: ad}
	e, err := aead.NewKMSEnvelopeAEADWithContext(aead.AES256GCMKeyTemplate(), w)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: no data key could be made", core.ErrUnavailable, s.scheme)
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := call(limited, e)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("%w: %s: the key service did not answer within %s", core.ErrUnavailable, s.scheme, s.timeout)
	case w.err != nil:
		return nil, refusal(s.scheme, s.remote, decrypting, w.err)
	case decrypting:
		return nil, fmt.Errorf("%w: %s: not what this key encrypted, or with other associated data", core.ErrIntegrity, s.scheme)
	}
	return nil, fmt.Errorf("%w: %s: encryption ended early", core.ErrUnavailable, s.scheme)
}

// wrapper wraps data keys for one call. Tink's envelope gives the service no
// associated data and turns its errors into text; the wrapper adds the one and
// keeps the other.
type wrapper struct {
	remote remote
	ad     []byte
	err    error
}

func (w *wrapper) EncryptWithContext(ctx context.Context, dek, _ []byte) (out []byte, err error) {
	out, w.err = w.remote.EncryptWithContext(ctx, dek, w.ad)
	return out, w.err
}

func (w *wrapper) DecryptWithContext(ctx context.Context, wrapped, _ []byte) (out []byte, err error) {
	out, w.err = w.remote.DecryptWithContext(ctx, wrapped, w.ad)
	return out, w.err
}
