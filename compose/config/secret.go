package config

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Secret is a secret by reference: "env:NAME" is an environment variable,
// "file:path" a file, whose last line break does not count. It prints as the
// reference.
type Secret struct {
	ref string
	c   *Config
}

// IsSet reports whether there is a reference.
func (s Secret) IsSet() bool { return s.ref != "" }

// String gives the reference.
func (s Secret) String() string { return s.ref }

// GoString gives the reference.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.ref) }

// Reveal reads the secret. Its errors name the reference and never what is
// there.
func (s Secret) Reveal() (string, error) {
	scheme, where, _ := strings.Cut(s.ref, ":")
	switch scheme {
	case "env":
		switch value, set := s.c.getenv(where); {
		case value != "":
			return value, nil
		case set:
			return "", textError("the secret " + s.ref + " is empty: environment variable " + where + " is set to nothing")
		}
		return "", textError("the secret " + s.ref + " is not there: environment variable " + where + " is not set")
	case "file":
		return s.readFile(s.c.abs(where))
	}
	return "", textError("there is no secret")
}

// mostSecret bounds a secret's file, so that a wrong path does no harm.
const mostSecret = 64 << 10

func (s Secret) readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the secret %s is not there: %w", s.ref, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the secret %s: %w", s.ref, err)
	case len(data) > mostSecret:
		return "", textError("the secret " + s.ref + " is longer than 64 KiB")
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", textError("the secret " + s.ref + " is empty")
	}
	return text, nil
}

func (c *Config) secret(ref string) Secret { return Secret{ref: ref, c: c} }

// checkReference does not show what is there instead: it may be the secret.
func checkReference(s string) error {
	scheme, where, ok := strings.Cut(s, ":")
	switch {
	case !ok || scheme != "env" && scheme != "file":
		return textError(`a secret is not written here: say where it is with "env:NAME" or "file:path"`)
	case where == "":
		return textError(scheme + `: names nothing: write "env:NAME" or "file:path"`)
	case scheme == "env" && !variableName(where):
		return textError("env: is not followed by the name of a variable")
	}
	return nil
}
