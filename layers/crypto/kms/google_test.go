package kms_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"hash/crc32"
	"net"
	"sync"
	"testing"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/kms"
)

// googleServer serves the two methods of Google's KMS interface that encrypt,
// over gRPC, as its reference describes them: checksums, names and codes.
type googleServer struct {
	kmspb.UnimplementedKeyManagementServiceServer
	mu       sync.Mutex
	keys     map[string]cipher.AEAD
	disabled bool
}

func crc(b []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))))
}

func (g *googleServer) key(ctx context.Context, name string) (cipher.AEAD, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := g.keys[name]
	md, _ := metadata.FromIncomingContext(ctx)
	switch {
	case len(md.Get("caller")) > 0: // how the test marks the caller who may not
		return nil, status.Error(codes.PermissionDenied, "Permission denied for hunter2@example.org")
	case !ok:
		return nil, status.Error(codes.NotFound, "CryptoKey not found.")
	case g.disabled:
		return nil, status.Error(codes.FailedPrecondition, "CryptoKeyVersion is not enabled, current state is: DISABLED.")
	}
	return k, nil
}

func (g *googleServer) Encrypt(ctx context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	k, err := g.key(ctx, r.GetName())
	if err != nil {
		return nil, err
	}
	if len(r.GetPlaintext()) > 64<<10 || len(r.GetPlaintext()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "The plaintext has a wrong size.")
	}
	nonce := make([]byte, k.NonceSize())
	rand.Read(nonce)
	sealed := k.Seal(nonce, nonce, r.GetPlaintext(), r.GetAdditionalAuthenticatedData())
	return &kmspb.EncryptResponse{
		Name: r.GetName() + "/cryptoKeyVersions/1", Ciphertext: sealed, CiphertextCrc32C: crc(sealed),
		VerifiedPlaintextCrc32C:                   r.GetPlaintextCrc32C().GetValue() == crc(r.GetPlaintext()).GetValue(),
		VerifiedAdditionalAuthenticatedDataCrc32C: r.GetAdditionalAuthenticatedDataCrc32C().GetValue() == crc(r.GetAdditionalAuthenticatedData()).GetValue(),
	}, nil
}

func (g *googleServer) Decrypt(ctx context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	k, err := g.key(ctx, r.GetName())
	if err != nil {
		return nil, err
	}
	c := r.GetCiphertext()
	if len(c) < k.NonceSize() {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	}
	plain, err := k.Open(nil, c[:k.NonceSize()], c[k.NonceSize():], r.GetAdditionalAuthenticatedData())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
	}
	return &kmspb.DecryptResponse{Plaintext: plain, PlaintextCrc32C: crc(plain)}, nil
}

// asNobody marks the calls of the caller who may not.
func asNobody(ctx context.Context, method string, req, reply any, c *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return call(metadata.AppendToOutgoingContext(ctx, "caller", "hunter2"), method, req, reply, c, opts...)
}

func googleWorld(t *testing.T) *world {
	const ring = "projects/p/locations/global/keyRings/r/cryptoKeys/"
	g := &googleServer{keys: map[string]cipher.AEAD{}}
	for _, name := range []string{"one", "two"} {
		secret := make([]byte, 32)
		rand.Read(secret)
		block, err := aes.NewCipher(secret)
		if err != nil {
			t.Fatal(err)
		}
		if g.keys[ring+name], err = cipher.NewGCM(block); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kmspb.RegisterKeyManagementServiceServer(server, g)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	stop := func() { server.Stop(); <-ended }
	t.Cleanup(stop)
	endpoint := kms.Endpoint("http://" + l.Addr().String())
	return &world{
		uri: "gcp-kms://" + ring + "one", other: "gcp-kms://" + ring + "two", missing: "gcp-kms://" + ring + "three", missingIs: core.ErrInvalid, foreign: core.ErrIntegrity,
		opts:    []kms.Option{endpoint},
		denied:  []kms.Option{endpoint, kms.Google(option.WithGRPCDialOption(grpc.WithUnaryInterceptor(asNobody)))},
		secrets: []string{"hunter2", "Permission denied"},
		disable: func(*testing.T) { g.mu.Lock(); g.disabled = true; g.mu.Unlock() },
		stop:    stop,
	}
}
