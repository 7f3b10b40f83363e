//go:build !unix

package disk

import "context"

// Lock does nothing here: see to it that one process writes the file.
func Lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }

// TryLock does nothing here either.
func TryLock(string) (unlock func(), err error) { return func() {}, nil }

// SyncFolder does nothing where folders cannot be synced.
func SyncFolder(string) error { return nil }
