package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Token is what is kept of an API token: everything but its secret.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // whom it stands for, such as "service:nightly"
	Groups  []string  `json:"groups,omitempty"`
	Hash    string    `json:"hash"` // argon2id of the secret, as PHC text
	Expires time.Time `json:"expires,omitzero"`
}

// tokenPrefix begins every token, so that scanners for leaked secrets find it.
const tokenPrefix = "mxt_"

// NewToken makes a token, "mxt_" id "." secret with 256 random bits, and what
// to keep of it. The text is shown once and kept nowhere.
func NewToken(name string, groups []string, expires time.Time) (text string, kept Token, err error) {
	kept = Token{Name: name, Groups: groups, Expires: expires}
	if err := (Identity{Name: name, Groups: groups}).Check(); err != nil {
		return "", Token{}, err
	}
	raw := make([]byte, 8+32)
	rand.Read(raw) // never fails
	kept.ID = hex.EncodeToString(raw[:8])
	secret := base64.RawURLEncoding.EncodeToString(raw[8:])
	kept.Hash = hashSecret(secret, defaultCost)
	return tokenPrefix + kept.ID + "." + secret, kept, nil
}

// Tokens authenticates static API tokens.
type Tokens struct {
	byID map[string]Token
	o    tokenOptions
	key  []byte        // of this process, for what is remembered
	busy chan struct{} // bounds the memory and the cores that hashing takes

	mu    sync.Mutex
	known map[string]verified // by id: one entry a token, so it is bounded
}

type verified struct {
	mac   [sha256.Size]byte
	until time.Time
}

// TokenOption sets a choice of Tokens.
type TokenOption func(*tokenOptions)

type tokenOptions struct {
	now      func() time.Time
	remember time.Duration
}

// TokenClock replaces time.Now.
func TokenClock(now func() time.Time) TokenOption { return func(o *tokenOptions) { o.now = now } }

// Remember sets how long a token that was verified is not hashed again: a
// minute when not set, 0 for not at all. A hash takes tens of milliseconds on
// purpose.
func Remember(d time.Duration) TokenOption { return func(o *tokenOptions) { o.remember = d } }

// NewTokens makes an authenticator of kept tokens. A token that is malformed or
// occurs twice is core.ErrInvalid.
func NewTokens(tokens []Token, opts ...TokenOption) (*Tokens, error) {
	t := &Tokens{
		byID: map[string]Token{}, known: map[string]verified{}, key: make([]byte, 32),
		busy: make(chan struct{}, runtime.GOMAXPROCS(0)), o: tokenOptions{now: time.Now, remember: time.Minute},
	}
	rand.Read(t.key)
	for _, set := range opts {
		set(&t.o)
	}
	for _, k := range tokens {
		if err := (Identity{Name: k.Name, Groups: k.Groups}).Check(); err != nil {
			return nil, fmt.Errorf("token %q: %w", k.ID, err)
		}
		if _, err := parseHash(k.Hash); err != nil || k.ID == "" {
			return nil, fmt.Errorf("%w: token %q has no hash that can be verified", core.ErrInvalid, k.ID)
		}
		if _, twice := t.byID[k.ID]; twice {
			return nil, fmt.Errorf("%w: token %q is there twice", core.ErrInvalid, k.ID)
		}
		t.byID[k.ID] = k
	}
	return t, nil
}

// ReadTokens reads kept tokens: a JSON array.
func ReadTokens(r io.Reader) ([]Token, error) {
	var tokens []Token
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&tokens); err != nil {
		return nil, fmt.Errorf("%w: tokens are a JSON array", core.ErrInvalid)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: tokens are one JSON array", core.ErrInvalid)
	}
	return tokens, nil
}

// OpenTokens makes an authenticator of the tokens kept in a file.
func OpenTokens(path string, opts ...TokenOption) (*Tokens, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: tokens: %w", core.ErrUnavailable, err)
	}
	defer f.Close()
	tokens, err := ReadTokens(f)
	if err != nil {
		return nil, err
	}
	return NewTokens(tokens, opts...)
}

// splitToken takes a token apart.
func splitToken(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(rest) > 256 {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

// Authenticate is Authenticator's.
func (t *Tokens) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	if err := ctx.Err(); err != nil {
		return Identity{}, err
	}
	id, secret, ok := splitToken(c.Bearer)
	if !ok {
		return Identity{}, ErrOtherKind
	}
	kept, ok := t.byID[id]
	if !ok {
		return Identity{}, refused("no such token")
	}
	now := t.o.now()
	if !kept.Expires.IsZero() && !now.Before(kept.Expires) {
		return Identity{}, refused("token %s has expired", id)
	}
	if !t.remembered(id, secret, now) {
		if err := t.verify(ctx, kept, secret); err != nil {
			return Identity{}, err
		}
		t.remember(id, secret, now)
	}
	return Identity{Name: kept.Name, Groups: append([]string(nil), kept.Groups...), Method: "token", TokenID: id, Expires: kept.Expires}, nil
}

func (t *Tokens) verify(ctx context.Context, kept Token, secret string) error {
	select {
	case t.busy <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-t.busy }()
	h, err := parseHash(kept.Hash)
	if err != nil || !h.matches(secret) {
		return refused("token %s has another secret", kept.ID)
	}
	return nil
}

func (t *Tokens) mac(secret string) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, t.key)
	m.Write([]byte(secret))
	m.Sum(sum[:0])
	return sum
}

func (t *Tokens) remembered(id, secret string, now time.Time) bool {
	if t.o.remember <= 0 {
		return false
	}
	t.mu.Lock()
	k, ok := t.known[id]
	t.mu.Unlock()
	if !ok || !now.Before(k.until) {
		return false
	}
	mac := t.mac(secret)
	return subtle.ConstantTimeCompare(mac[:], k.mac[:]) == 1
}

func (t *Tokens) remember(id, secret string, now time.Time) {
	if t.o.remember <= 0 {
		return
	}
	k := verified{t.mac(secret), now.Add(t.o.remember)}
	t.mu.Lock()
	t.known[id] = k
	t.mu.Unlock()
}
