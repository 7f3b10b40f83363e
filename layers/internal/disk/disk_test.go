//go:build unix

package disk_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/layers/internal/disk"
)

// TestLock: one holds it, the other waits or is told, a folder that is not
// there is an error.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := disk.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.TryLock(path); !errors.Is(err, disk.ErrHeld) {
		t.Errorf("a lock that is held: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := disk.Lock(short, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lock that stays held: %v", err)
	}
	time.AfterFunc(10*time.Millisecond, unlock)
	second, err := disk.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	second()
	third, err := disk.TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	third()
	for _, missing := range []string{filepath.Join(path, "x"), filepath.Join(t.TempDir(), "no", "x")} {
		if _, err := disk.TryLock(missing); err == nil || errors.Is(err, disk.ErrHeld) {
			t.Errorf("%s: %v", missing, err)
		}
		if _, err := disk.Lock(t.Context(), missing); err == nil {
			t.Errorf("%s: locked", missing)
		}
	}
}
