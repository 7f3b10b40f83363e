package memory

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// chunkRows is the most rows that a chunk, and so a batch, holds.
const chunkRows = 1 << 16

// table is one feature.
type table struct {
	key core.FeatureKey
	mem arrowmem.Allocator

	// state is what readers see: replaced as a whole, never changed. It is
	// nil until the first commit.
	state atomic.Pointer[state]

	mu    sync.Mutex         // one writer at a time
	index *index             // id to latest row
	byID  map[string]written // commits by WriteRequest.ID
	owned arrays             // every array of the table, released at Close
}

// state is a feature after a commit or a migration.
type state struct {
	info   core.Info     // without Log
	log    []core.Commit // by sequence number
	chunks []*chunk      // by sequence number, then by row
}

// chunk is a run of rows of one commit.
type chunk struct {
	commit  core.Commit
	rows    int
	columns []arrow.Array // those of state.info.Schema; borrowed from table.owned
	life    *life         // shared by the versions of a chunk that Evolve makes
}

// life knows which rows were replaced by a later commit.
//
// A reader of state n compares with n only, and every number that a writer
// stores meanwhile is beyond n: readers need no lock.
type life struct {
	ids   *ident.View
	first atomic.Int64                   // the first commit that replaced a row, 0: none did
	ends  atomic.Pointer[[]atomic.Int64] // by row the commit that replaced it, 0: none did
}

// end notes that commit seq replaces the row. Writers only.
func (l *life) end(row int, seq int64) {
	ends := l.ends.Load()
	if ends == nil {
		made := make([]atomic.Int64, l.ids.Rows())
		ends = &made
		l.ends.Store(ends)
		l.first.Store(seq)
	}
	(*ends)[row].Store(seq)
}

// whole reports whether, right after commit seq, no row was replaced.
func (l *life) whole(seq int64) bool {
	first := l.first.Load()
	return first == 0 || first > seq
}

// alive reports whether, right after commit seq, the row was not replaced.
func (l *life) alive(row int, seq int64) bool {
	ends := l.ends.Load()
	if ends == nil {
		return true
	}
	end := (*ends)[row].Load()
	return end == 0 || end > seq
}

// describe copies the state's description with the last commits of its log, all
// of them for -1.
func (st *state) describe(commits int) core.Info {
	info := st.info
	info.ID = slices.Clone(info.ID)
	info.Containers = slices.Clone(info.Containers)
	if commits < 0 || commits > len(st.log) {
		commits = len(st.log)
	}
	for _, c := range st.log[len(st.log)-commits:] {
		info.Log = append(info.Log, copyCommit(c))
	}
	return info
}

func copyCommit(c core.Commit) core.Commit {
	c.Basis = c.Basis.Clone()
	return c
}

// own takes over arrays that are about to be published to many readers.
func (t *table) own(made arrays) {
	for _, arr := range made {
		core.ShareArray(arr)
	}
	t.owned = append(t.owned, made...)
}

// arrays are released together.
type arrays []arrow.Array

func (a *arrays) add(arr arrow.Array) arrow.Array {
	*a = append(*a, arr)
	return arr
}

func (a *arrays) release() {
	for _, arr := range *a {
		arr.Release()
	}
	*a = nil
}
