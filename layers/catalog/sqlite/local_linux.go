package sqlite

import (
	"fmt"
	"syscall"

	"github.com/metaxy-go/metaxy/core"
)

// local refuses folders on network file systems, known by the number that the
// kernel gives for them.
func local(dir string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("%w: the catalog's folder: %w", core.ErrUnavailable, err)
	}
	if name := remote(uint32(s.Type)); name != "" { //nolint:gosec // the numbers have 32 bits
		return fmt.Errorf("%w: the catalog's folder is on %s, where SQLite's locks do not hold: use a local disk, or PostgreSQL", core.ErrUnsupported, name)
	}
	return nil
}

func remote(magic uint32) string {
	switch magic {
	case 0x6969:
		return "NFS"
	case 0x517b, 0xff534d42, 0xfe534d42:
		return "SMB"
	case 0x5346414f, 0x6b414653:
		return "AFS"
	case 0x73757245:
		return "Coda"
	case 0x00c36400:
		return "Ceph"
	case 0x0bd00bd0:
		return "Lustre"
	case 0x47504653:
		return "GPFS"
	case 0x7461636f:
		return "OCFS2"
	case 0x01161970:
		return "GFS2"
	}
	return ""
}
