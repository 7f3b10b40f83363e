package kms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/metaxy-go/metaxy/core"
)

type awsKey struct{ tink.AEADWithContext }

// openAWS makes the client. arn is arn:PARTITION:kms:REGION:ACCOUNT:RESOURCE.
func openAWS(ctx context.Context, arn string, o *options) (remote, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "kms" || parts[3] == "" || parts[5] == "" {
		return nil, invalidf("a key of AWS is named by its ARN: aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID")
	}
	var cfg aws.Config
	if o.aws != nil {
		cfg = o.aws.Copy()
		cfg.Region = parts[3]
	} else {
		var err error
		if cfg, err = config.LoadDefaultConfig(ctx, config.WithRegion(parts[3])); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%w: %s: the configuration files of AWS cannot be used", core.ErrInvalid, schemeAWS)
		}
	}
	client := kms.NewFromConfig(cfg, func(k *kms.Options) {
		if o.endpoint != "" {
			k.BaseEndpoint = aws.String(o.endpoint)
		}
	})
	a, err := awskms.NewAEADWithContext(ctx, arn, awskms.WithKMS(client))
	if err != nil {
		return nil, invalidf("the ARN of the key is not one that can be used")
	}
	return &awsKey{a}, nil
}

// close has nothing to do: the HTTP client is shared and idle connections end.
func (*awsKey) close() error { return nil }

func (*awsKey) classify(decrypting bool, err error) (code string, sentinel error) {
	var e smithy.APIError
	if !errors.As(err, &e) {
		var said interface{ HTTPStatusCode() int }
		if errors.As(err, &said) && (said.HTTPStatusCode() == http.StatusForbidden || said.HTTPStatusCode() == http.StatusUnauthorized) {
			return fmt.Sprintf("HTTP_%d", said.HTTPStatusCode()), core.ErrDenied // of something before the service
		}
		return "", core.ErrUnavailable
	}
	code = e.ErrorCode()
	switch code {
	case "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException",
		"SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken", "ExpiredTokenException", "ExpiredToken", "NotAuthorized",
		"OptInRequired", "DisabledException", "KMSInvalidStateException", "InvalidGrantTokenException":
		return code, core.ErrDenied
	case "InvalidCiphertextException", "IncorrectKeyException":
		return code, core.ErrIntegrity
	case "NotFoundException", "InvalidKeyUsageException", "InvalidArnException":
		return code, core.ErrInvalid
	case "ValidationException":
		if decrypting { // among others of a ciphertext that is too short
			return code, core.ErrIntegrity
		}
		return code, core.ErrInvalid
	}
	return code, core.ErrUnavailable
}
