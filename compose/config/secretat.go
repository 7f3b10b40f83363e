package config

import "os"

// SecretAt is the secret that a reference names which stands elsewhere than in
// a file, on a command line, say. Relative paths are relative to dir. What is no
// reference is refused and not shown: it may be the secret itself.
func SecretAt(ref, dir string) (Secret, error) {
	if err := checkReference(ref); err != nil {
		return Secret{}, err
	}
	return Secret{ref: ref, c: &Config{Dir: dir, getenv: os.LookupEnv}}, nil
}
