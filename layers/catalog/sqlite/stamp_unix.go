//go:build linux || darwin || freebsd

package sqlite

import (
	"context"
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/metaxy-go/metaxy/layers/catalog/internal/sqlcat"
)

// The index of the write-ahead log, the file "-shm", begins with a header of
// 48 bytes that SQLite writes at every commit: a change counter, the length of
// the log, its salts and checksums (sqlite.org/walformat.html). Two readings
// that are equal mean that nobody committed between them. Reading it through a
// mapping costs no system call; a query costs three.
//
// POSIX takes all locks of a process on a file away when the process closes any
// descriptor of it, and SQLite holds locks on this file. So a descriptor stays
// open until the last catalog of the process on this file has closed its
// connections.

// indexFormat is the one that we know.
const indexFormat = 3007000

type index struct {
	file *os.File
	mem  []byte
	uses int
}

type fileID struct{ device, inode uint64 }

// indexes are the ones this process has open. POSIX locks belong to the
// process, and so must this.
var indexes struct {
	sync.Mutex
	by map[fileID]*index
}

// watch gives the cheapest way to learn of commits that works for this file.
func (d *db) watch(path string) (func(context.Context) (sqlcat.Stamp, error), func()) {
	ix, id := shareIndex(path + "-shm")
	if ix == nil {
		return d.asked, func() {}
	}
	release := func() { releaseIndex(id) }
	if ix.mem == nil {
		return d.asked, release
	}
	var strange unlike
	words := unsafe.Slice((*uint32)(unsafe.Pointer(&ix.mem[0])), len(sqlcat.Stamp{})/4)
	stamp := func(context.Context) (s sqlcat.Stamp, _ error) {
		for i := range words {
			binary.NativeEndian.PutUint32(s[i*4:], atomic.LoadUint32(&words[i]))
		}
		if binary.NativeEndian.Uint32(s[:]) != indexFormat || s[12] != 1 {
			return strange.next(), nil // being recovered
		}
		return s, nil
	}
	if first, _ := stamp(context.Background()); binary.NativeEndian.Uint32(first[:]) != indexFormat {
		return d.asked, release // not used, and yet not to be closed before the connections are
	}
	return stamp, release
}

func shareIndex(path string) (*index, fileID) {
	indexes.Lock()
	defer indexes.Unlock()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return nil, fileID{}
	}
	id := fileID{uint64(st.Dev), st.Ino} //nolint:unconvert,gosec // its type differs between systems
	if ix := indexes.by[id]; ix != nil {
		ix.uses++
		return ix, id
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileID{}
	}
	// From here on the file must not be closed, even where it cannot be mapped.
	ix := &index{file: f, uses: 1}
	if ix.mem, err = syscall.Mmap(int(f.Fd()), 0, os.Getpagesize(), syscall.PROT_READ, syscall.MAP_SHARED); err != nil {
		ix.mem = nil
	}
	if indexes.by == nil {
		indexes.by = map[fileID]*index{}
	}
	indexes.by[id] = ix
	return ix, id
}

func releaseIndex(id fileID) {
	indexes.Lock()
	defer indexes.Unlock()
	ix := indexes.by[id]
	if ix.uses--; ix.uses > 0 {
		return
	}
	delete(indexes.by, id)
	if ix.mem != nil {
		_ = syscall.Munmap(ix.mem)
	}
	_ = ix.file.Close()
}
