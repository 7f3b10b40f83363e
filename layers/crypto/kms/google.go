package kms

import (
	"context"
	"fmt"
	"net/url"
	"regexp"

	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/metaxy-go/metaxy/core"
)

type googleKey struct {
	tink.AEADWithContext
	client *gcpkms.Client
}

var googleName = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)

func openGoogle(ctx context.Context, uri, key string, o *options) (remote, error) {
	if !googleName.MatchString(key) {
		return nil, invalidf("a key of Google is named gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
	}
	opts := o.google
	if o.endpoint != "" {
		u, err := url.Parse(o.endpoint)
		if err != nil {
			return nil, invalidf("the endpoint is no URL")
		}
		opts = append(opts, option.WithEndpoint(u.Host))
		if o.insecure {
			opts = append(opts, option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
		}
	}
	client, err := gcpkms.NewClient(ctx, uri, gcpkms.WithTransport(gcpkms.TransportGRPC), gcpkms.WithGoogleAPIClientOptions(opts...))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %s: there are no credentials of Google that can be used", core.ErrDenied, schemeGoogle)
	}
	a, err := client.GetAEAD(uri)
	if err == nil {
		if with, ok := a.(tink.AEADWithContext); ok {
			return &googleKey{with, client}, nil
		}
	}
	_ = client.Close()
	return nil, invalidf("the key of Google cannot be used")
}

func (g *googleKey) close() error { return g.client.Close() }

func (*googleKey) classify(decrypting bool, err error) (code string, sentinel error) {
	s, ok := status.FromError(err)
	if !ok { // checksums that do not agree, say
		return "", core.ErrUnavailable
	}
	code = s.Code().String()
	switch s.Code() { //nolint:exhaustive // the others are worth trying again
	case codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition: // the last: a version that was disabled or destroyed
		return code, core.ErrDenied
	case codes.InvalidArgument:
		if decrypting {
			return code, core.ErrIntegrity
		}
		return code, core.ErrInvalid
	case codes.NotFound, codes.Unimplemented:
		return code, core.ErrInvalid
	}
	return code, core.ErrUnavailable
}
