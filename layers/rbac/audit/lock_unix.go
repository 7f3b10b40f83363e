//go:build unix

package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/metaxy-go/metaxy/core"
)

// lock keeps a second writer out of the directory: two would write two chains
// into one file.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: another process writes the trail in %s", core.ErrUnavailable, dir)
	}
	return func() { _ = f.Close() }, nil
}

// syncDir brings a new name to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
