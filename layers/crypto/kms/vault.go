package kms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/metaxy-go/metaxy/core"
)

type vaultKey struct {
	client *api.Client
	path   string // /MOUNT/keys/NAME
	own    bool   // the client was made here
}

func openVault(uri string, o *options) (remote, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, invalidf("a key of Vault is named hcvault://HOST:PORT/MOUNT/keys/NAME")
	}
	v := &vaultKey{client: o.vault, path: u.EscapedPath()}
	if v.client == nil {
		cfg := api.DefaultConfig()
		if cfg == nil || cfg.Error != nil {
			return nil, invalidf("the environment variables of Vault's client cannot be used")
		}
		cfg.Address, cfg.AgentAddress = "https://"+u.Host, ""
		if o.endpoint != "" {
			cfg.Address = o.endpoint
		}
		if v.client, err = api.NewClient(cfg); err != nil {
			return nil, invalidf("the environment variables of Vault's client cannot be used")
		}
		v.own = true
	}
	if _, err := v.within(context.Background()); err != nil {
		return nil, invalidf("a key of Vault is named hcvault://HOST:PORT/MOUNT/keys/NAME")
	}
	return v, nil
}

// within gives a primitive whose calls end with ctx. Tink's for Vault takes no
// context, so the client that it gets is one for a single call, with the
// context in its transport.
func (v *vaultKey) within(ctx context.Context) (tink.AEAD, error) {
	cfg := v.client.CloneConfig()
	cfg.HttpClient.Transport = bounded{ctx, cfg.HttpClient.Transport}
	cfg.MaxRetries = 0 // its waits between tries know no context
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: the client cannot be used", core.ErrInvalid, schemeVault)
	}
	client.SetHeaders(v.client.Headers())
	client.SetToken(v.client.Token())
	return hcvault.NewAEAD(v.path, client.Logical())
}

// bounded is a transport whose requests end with a context of their caller.
type bounded struct {
	ctx  context.Context //nolint:containedctx // lives as long as one call
	next http.RoundTripper
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(b.ctx, cancel)
	resp, err := b.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	resp.Body = &closing{resp.Body, func() { stop(); cancel() }}
	return resp, nil
}

func (v *vaultKey) EncryptWithContext(ctx context.Context, plaintext, ad []byte) ([]byte, error) {
	a, err := v.within(ctx)
	if err != nil {
		return nil, err
	}
	return a.Encrypt(plaintext, ad)
}

func (v *vaultKey) DecryptWithContext(ctx context.Context, ciphertext, ad []byte) ([]byte, error) {
	a, err := v.within(ctx)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(ciphertext, ad)
}

// close ends idle connections of a client that was made here.
func (v *vaultKey) close() error {
	if v.own {
		v.client.CloneConfig().HttpClient.CloseIdleConnections()
	}
	return nil
}

func (*vaultKey) classify(decrypting bool, err error) (code string, sentinel error) {
	var e *api.ResponseError
	if !errors.As(err, &e) {
		return "", core.ErrUnavailable
	}
	code = fmt.Sprintf("HTTP_%d", e.StatusCode)
	said := strings.Join(e.Errors, " ")
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return code, core.ErrDenied
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return code, core.ErrInvalid
	case http.StatusBadRequest:
		switch {
		case strings.Contains(said, "disallowed by policy"): // older than min_decryption_version
			return code, core.ErrDenied
		case decrypting && !strings.Contains(said, "encryption key not found"):
			return code, core.ErrIntegrity
		}
		return code, core.ErrInvalid
	}
	return code, core.ErrUnavailable
}

// closing is a body that does something when it is closed.
type closing struct {
	io.ReadCloser
	done func()
}

func (c *closing) Close() error {
	defer c.done()
	return c.ReadCloser.Close()
}
