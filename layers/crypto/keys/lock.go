package keys

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/crypto/argon2"
)

// Lock encrypts a keyset where it is kept: a passphrase or a key service.
type Lock struct {
	passphrase []byte
	service    tink.AEADWithContext
}

// Passphrase derives the key of a keyset file with argon2id. It is copied.
func Passphrase(text []byte) Lock { return Lock{passphrase: append([]byte{}, text...)} }

// KMS encrypts the keyset (not each value) with a key that a key service holds:
// any tink.AEADWithContext, such as those of Tink's modules for AWS, Google
// Cloud and HashiCorp Vault. It is called when a ring is loaded or saved.
func KMS(service tink.AEADWithContext) Lock { return Lock{service: service} }

// Local adapts a tink.AEAD that needs no context, such as another keyset.
func Local(a tink.AEAD) Lock { return Lock{service: contextless{a}} }

// String tells nothing.
func (l Lock) String() string {
	if l.service != nil {
		return "key service"
	}
	return "passphrase"
}

// GoString is String: %#v must not show a passphrase.
func (l Lock) GoString() string { return l.String() }

// witness keeps the error of a lock, of which Tink passes on the text alone.
type witness struct {
	lock
	err error
}

func (w *witness) EncryptWithContext(ctx context.Context, plaintext, ad []byte) (out []byte, err error) {
	out, w.err = w.lock.EncryptWithContext(ctx, plaintext, ad)
	return out, w.err
}

func (w *witness) DecryptWithContext(ctx context.Context, ciphertext, ad []byte) (out []byte, err error) {
	out, w.err = w.lock.DecryptWithContext(ctx, ciphertext, ad)
	return out, w.err
}

type contextless struct{ a tink.AEAD }

func (c contextless) EncryptWithContext(ctx context.Context, plaintext, ad []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.a.Encrypt(plaintext, ad)
}

func (c contextless) DecryptWithContext(ctx context.Context, ciphertext, ad []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.a.Decrypt(ciphertext, ad)
}

// argon says how a passphrase is stretched. It stands in the file.
type argon struct {
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory_kib"`
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
}

// Limits that keep a forged file from asking for all memory.
const (
	argonTime, argonMemory, argonThreads = 3, 64 << 10, 4
	maxTime, maxMemory                   = 100, 4 << 20
	saltBytes                            = 16
)

func newArgon() (*argon, error) {
	a := &argon{Time: argonTime, Memory: argonMemory, Threads: argonThreads, Salt: make([]byte, saltBytes)}
	_, err := rand.Read(a.Salt)
	return a, err
}

func (a *argon) check() error {
	if a.Time < 1 || a.Time > maxTime || a.Memory < 8 || a.Memory > maxMemory || a.Threads < 1 || len(a.Salt) < 8 {
		return fmt.Errorf("the file asks for argon2id with time %d and %d KiB", a.Time, a.Memory)
	}
	return nil
}

// bytes is what the lock authenticates of it.
func (a *argon) bytes() []byte {
	b := binary.BigEndian.AppendUint32([]byte("argon2id"), a.Time)
	b = binary.BigEndian.AppendUint32(b, a.Memory)
	return append(append(b, a.Threads), a.Salt...)
}

func (a *argon) lock(passphrase []byte) (lock, error) {
	secret := argon2.IDKey(passphrase, a.Salt, a.Time, a.Memory, a.Threads, 32)
	c, err := newCipher(XChaCha20Poly1305, 1, secret)
	return contextless{c}, err
}
