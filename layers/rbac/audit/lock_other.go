//go:build !unix

package audit

// lock does nothing here: see to it that one process writes a directory.
func lock(string) (unlock func(), err error) { return func() {}, nil }

// syncDir does nothing where directories cannot be synced.
func syncDir(string) error { return nil }
