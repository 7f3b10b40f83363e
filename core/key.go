package core

import (
	"fmt"
	"strings"
)

// MaxKeyBytes is the longest key that a store accepts, in bytes.
const MaxKeyBytes = 255

// FeatureKey names a feature: parts joined by "/", such as "video/crop".
//
// A part matches [a-z0-9_][a-z0-9_-]*, the first part begins with a letter or
// "_", and no part contains "__". The text itself is the identity: different
// keys stay different in table names, file paths and hashes.
type FeatureKey string

// ParseKey checks s and returns it as a key. The error matches ErrInvalid.
func ParseKey(s string) (FeatureKey, error) {
	k := FeatureKey(s)
	if err := k.Validate(); err != nil {
		return "", err
	}
	return k, nil
}

// Validate reports why k is not a key; the error matches ErrInvalid.
func (k FeatureKey) Validate() error {
	if k == "" {
		return fmt.Errorf("%w: empty feature key", ErrInvalid)
	}
	if len(k) > MaxKeyBytes {
		return fmt.Errorf("%w: feature key of %d bytes, at most %d are allowed", ErrInvalid, len(k), MaxKeyBytes)
	}
	for i, part := range k.Parts() {
		if why := checkPart(part, i == 0); why != "" {
			return fmt.Errorf("%w: feature key %q: part %d %s", ErrInvalid, string(k), i+1, why)
		}
	}
	return nil
}

// Parts splits the key at "/".
func (k FeatureKey) Parts() []string { return strings.Split(string(k), "/") }

// Dotted is the spelling inside a hash preimage: parts joined by ".".
func (k FeatureKey) Dotted() string { return strings.ReplaceAll(string(k), "/", ".") }

// checkPart says what is wrong with one part of a key, or "".
func checkPart(part string, first bool) string {
	if part == "" {
		return "is empty"
	}
	for i := range len(part) {
		c := part[i]
		letter := c >= 'a' && c <= 'z' || c == '_'
		switch {
		case letter, c >= '0' && c <= '9' && (i > 0 || !first), c == '-' && i > 0:
		case i == 0 && first:
			return fmt.Sprintf("begins with %q, want a lower-case letter or \"_\"", c)
		default:
			return fmt.Sprintf("contains %q, want lower-case letters, digits, \"_\" and \"-\"", c)
		}
	}
	if strings.Contains(part, "__") {
		return `contains "__", which is reserved`
	}
	return ""
}

// checkContainer applies the rule of a key's first part to a container's name.
func checkContainer(name string) error {
	if why := checkPart(name, true); why != "" {
		return fmt.Errorf("%w: container %q %s", ErrInvalid, name, why)
	}
	return nil
}
