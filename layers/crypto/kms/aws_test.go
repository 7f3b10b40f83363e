package kms_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/kms"
)

func awsConfig(id, secret string) aws.Config {
	return aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""), HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// awsWorld is moto, which speaks the protocol of AWS KMS.
func awsWorld(t *testing.T) *world {
	python := installed(t, "moto", "bin", "python")
	address := freePort(t)
	_, stop := process(t, false, python, "-m", "moto.server", "-H", "127.0.0.1", "-p", address[len("127.0.0.1:"):])
	reachable(t, address)
	endpoint := "http://" + address
	line, _ := process(t, true, python, "testdata/accounts.py", endpoint)
	var who map[string]struct{ ID, Secret string }
	unmarshal(t, line, &who)
	cfg := awsConfig(who["user"].ID, who["user"].Secret)
	admin := awskms.NewFromConfig(cfg, func(o *awskms.Options) { o.BaseEndpoint = &endpoint })
	var arns []string
	for range 2 {
		made, err := admin.CreateKey(t.Context(), &awskms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		arns = append(arns, *made.KeyMetadata.Arn)
	}
	return &world{
		uri: "aws-kms://" + arns[0], other: "aws-kms://" + arns[1],
		missing: "aws-kms://" + arns[0][:len(arns[0])-12] + "000000000000", missingIs: core.ErrInvalid,
		foreign: core.ErrDenied, // AWS does not say whether a key of somebody else is there
		opts:    []kms.Option{kms.Endpoint(endpoint), kms.AWSConfig(cfg)},
		denied:  []kms.Option{kms.Endpoint(endpoint), kms.AWSConfig(awsConfig(who["nobody"].ID, who["nobody"].Secret))},
		secrets: []string{who["user"].ID, who["user"].Secret, who["nobody"].ID, who["nobody"].Secret, "not authorized"},
		disable: func(t *testing.T) { // moto uses a disabled key: take the right away
			t.Helper()
			process(t, true, python, "testdata/accounts.py", endpoint, who["user"].ID, who["user"].Secret)
		},
		stop: stop,
	}
}

// What AWS says is told apart by its code, and its words are not repeated.
func TestAWSCodes(t *testing.T) {
	none := &world{secrets: []string{"hunter2"}}
	for code, want := range map[string][2]error{ // of encryption and of decryption
		"AccessDeniedException": {core.ErrDenied, core.ErrDenied}, "ExpiredTokenException": {core.ErrDenied, core.ErrDenied},
		"DisabledException": {core.ErrDenied, core.ErrDenied}, "KMSInvalidStateException": {core.ErrDenied, core.ErrDenied},
		"IncorrectKeyException": {core.ErrIntegrity, core.ErrIntegrity}, "InvalidCiphertextException": {core.ErrIntegrity, core.ErrIntegrity},
		"ValidationException": {core.ErrInvalid, core.ErrIntegrity}, "NotFoundException": {core.ErrInvalid, core.ErrInvalid},
		"KMSInternalException": {core.ErrUnavailable, core.ErrUnavailable}, "ThrottlingException": {core.ErrUnavailable, core.ErrUnavailable},
		"hunter2-token": {core.ErrUnavailable, core.ErrUnavailable},
	} {
		t.Run(code, func(t *testing.T) {
			healthy := true // for the data key that is to be opened
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				if healthy {
					_, _ = io.WriteString(w, `{"CiphertextBlob":"aGVsbG8=","KeyId":"x"}`)
					return
				}
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"__type":"`+code+`","message":"hunter2 was refused"}`)
			}))
			defer server.Close()
			cfg := awsConfig("hunter2", "hunter2")
			cfg.RetryMaxAttempts = 1
			s := open(t, "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1", kms.Endpoint(server.URL), kms.AWSConfig(cfg))
			sealed, err := s.EncryptWithContext(context.Background(), plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			healthy = false
			_, err = s.EncryptWithContext(context.Background(), plain, nil)
			wants(t, err, want[0], none)
			_, err = s.DecryptWithContext(context.Background(), sealed, nil)
			wants(t, err, want[1], none)
		})
	}
}
