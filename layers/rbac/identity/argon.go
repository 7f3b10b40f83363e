package identity

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost of a hash: OWASP's for argon2id, 19 MiB and two passes.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

var defaultCost = cost{memory: 19 << 10, passes: 2, threads: 1}

// hashed is a parsed PHC text.
type hashed struct {
	cost
	salt, sum []byte
}

// hashSecret gives "$argon2id$v=19$m=…,t=…,p=…$salt$hash".
func hashSecret(secret string, c cost) string {
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(secret), salt, c.passes, c.memory, c.threads, 32)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, enc.EncodeToString(salt), enc.EncodeToString(sum))
}

// parseHash reads a PHC text. Costs beyond reason are refused, since they would
// be paid with each verification.
func parseHash(text string) (hashed, error) {
	var h hashed
	var version int
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return h, errHash
	}
	if n, err := fmt.Sscanf(parts[2], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return h, errHash
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); n != 3 || err != nil {
		return h, errHash
	}
	enc := base64.RawStdEncoding.Strict()
	var err1, err2 error
	h.salt, err1 = enc.DecodeString(parts[4])
	h.sum, err2 = enc.DecodeString(parts[5])
	switch {
	case err1 != nil, err2 != nil, len(h.salt) < 8, len(h.salt) > 64, len(h.sum) < 16, len(h.sum) > 64:
		return h, errHash
	case h.passes < 1, h.passes > 16, h.threads < 1, h.threads > 16, h.memory < 8*uint32(h.threads), h.memory > 1<<20:
		return h, errHash
	}
	return h, nil
}

var errHash = fmt.Errorf("no argon2id hash")

func (h hashed) matches(secret string) bool {
	sum := argon2.IDKey([]byte(secret), h.salt, h.passes, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}
