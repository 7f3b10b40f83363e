//go:build !unix

package pgtest

import (
	"fmt"
	"syscall"
)

func unprivileged(string) (*syscall.SysProcAttr, error) {
	return nil, fmt.Errorf("starting a server wants a Unix system: set %s to one that runs", EnvURL)
}
