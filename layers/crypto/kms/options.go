package kms

import (
	"net/netip"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/hashicorp/vault/api"
	"google.golang.org/api/option"
)

// defaultTimeout bounds a call with all the tries of the provider's client.
const defaultTimeout = 30 * time.Second

// Option sets one property of a Service.
type Option func(*options)

type options struct {
	timeout  time.Duration
	endpoint string
	insecure bool // http, which only loopback may have
	aws      *aws.Config
	google   []option.ClientOption
	vault    *api.Client
}

// Timeout bounds each use of the key, whatever the context allows; 30 s when
// not set.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Endpoint asks another address than the provider's own, such as a private
// endpoint or an emulator: a URL with https, or with http on a loopback address.
// For Google it is asked without credentials when it is http.
func Endpoint(address string) Option { return func(o *options) { o.endpoint = address } }

// AWSConfig is used instead of the default chain. The region stays that of the
// key's ARN.
func AWSConfig(cfg aws.Config) Option { return func(o *options) { o.aws = &cfg } }

// Google are options of Google's client, such as option.WithCredentialsFile.
func Google(opts ...option.ClientOption) Option {
	return func(o *options) { o.google = append(o.google, opts...) }
}

// Vault is the client to use, with its address, token and namespace: for tokens
// that are renewed, and other ways to log in. The URI's host is then a name only.
func Vault(client *api.Client) Option { return func(o *options) { o.vault = client } }

func (o *options) check(scheme string) error {
	switch {
	case o.timeout <= 0:
		return invalidf("the timeout must be positive")
	case o.aws != nil && scheme != schemeAWS, o.google != nil && scheme != schemeGoogle, o.vault != nil && scheme != schemeVault:
		return invalidf("an option is for another key service than %q", scheme)
	case o.vault != nil && o.endpoint != "":
		return invalidf("the Vault client has an address: leave Endpoint out")
	case o.endpoint == "":
		return nil
	}
	u, err := url.Parse(o.endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return invalidf("an endpoint is a URL like https://host:port")
	}
	o.insecure = u.Scheme == "http"
	if ip, err := netip.ParseAddr(u.Hostname()); o.insecure && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return invalidf("an endpoint beyond this machine needs https")
	}
	return nil
}
