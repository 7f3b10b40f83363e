package identity

import (
	"context"
	"crypto/x509"
	"time"
)

// MTLS authenticates callers by the certificate of their connection, which must
// have been verified: tls.Config.ClientAuth is tls.RequireAndVerifyClientCert.
type MTLS struct{ o mtlsOptions }

// MTLSOption sets a choice of MTLS.
type MTLSOption func(*mtlsOptions)

type mtlsOptions struct {
	now  func() time.Time
	name func(*x509.Certificate) (name string, groups []string)
}

// MTLSClock replaces time.Now.
func MTLSClock(now func() time.Time) MTLSOption { return func(o *mtlsOptions) { o.now = now } }

// NameBy replaces CertificateName.
func NameBy(f func(*x509.Certificate) (name string, groups []string)) MTLSOption {
	return func(o *mtlsOptions) { o.name = f }
}

// NewMTLS makes the authenticator.
func NewMTLS(opts ...MTLSOption) *MTLS {
	m := &MTLS{mtlsOptions{now: time.Now, name: CertificateName}}
	for _, set := range opts {
		set(&m.o)
	}
	return m
}

// CertificateName is "service:" and the SPIFFE id or, without one, the first
// DNS name; "user:" and the first e-mail address; "user:" and the common name;
// the first of these that there is. Organizational units are the groups.
func CertificateName(c *x509.Certificate) (name string, groups []string) {
	for _, ou := range c.Subject.OrganizationalUnit {
		groups = append(groups, Group+":"+ou)
	}
	for _, u := range c.URIs {
		if u.Scheme == "spiffe" {
			return Service + ":" + u.String(), groups
		}
	}
	switch {
	case len(c.DNSNames) > 0:
		return Service + ":" + c.DNSNames[0], groups
	case len(c.EmailAddresses) > 0:
		return User + ":" + c.EmailAddresses[0], groups
	}
	return User + ":" + c.Subject.CommonName, groups
}

// Authenticate is Authenticator's. A connection without a certificate is
// ErrOtherKind; one with a certificate that nobody verified is refused.
func (m *MTLS) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	if err := ctx.Err(); err != nil {
		return Identity{}, err
	}
	if c.TLS == nil || len(c.TLS.PeerCertificates) == 0 {
		return Identity{}, ErrOtherKind
	}
	if len(c.TLS.VerifiedChains) == 0 || len(c.TLS.VerifiedChains[0]) == 0 {
		return Identity{}, refused("the certificate was not verified")
	}
	leaf := c.TLS.VerifiedChains[0][0]
	if now := m.o.now(); now.Before(leaf.NotBefore) || !now.Before(leaf.NotAfter) {
		return Identity{}, refused("the certificate is not valid now")
	}
	name, groups := m.o.name(leaf)
	id := Identity{Name: name, Groups: groups, Method: "mtls", Expires: leaf.NotAfter}
	if leaf.SerialNumber != nil {
		id.TokenID = leaf.SerialNumber.Text(16)
	}
	if id.Check() != nil {
		return Identity{}, refused("the certificate's subject cannot be a name")
	}
	return id, nil
}
