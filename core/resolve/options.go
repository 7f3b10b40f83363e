package resolve

import "runtime"

// DefaultBudget is the memory that a resolve may use before it spills, in
// bytes.
const DefaultBudget = 2 << 30

// DefaultBatchRows is how many samples Materialize computes and commits at a
// time.
const DefaultBatchRows = 8192

// Option sets a choice of a call. Options commute.
type Option func(*options)

type options struct {
	budget    int64
	tempDir   string
	workers   int
	batchRows int
	columns   []string
	retire    bool
	progress  func(done, total int64)
	local     bool
}

func newOptions(opts []Option) options {
	o := options{budget: DefaultBudget, workers: runtime.GOMAXPROCS(0), batchRows: DefaultBatchRows}
	for _, set := range opts {
		if set != nil {
			set(&o)
		}
	}
	return o
}

// Budget sets the memory, in bytes, that a resolve may use before it spills to
// temporary files; DefaultBudget when not set, none or less means no limit.
func Budget(bytes int64) Option { return func(o *options) { o.budget = bytes } }

// TempDir sets where a resolve past its budget spills: os.TempDir() when not
// set.
func TempDir(dir string) Option { return func(o *options) { o.tempDir = dir } }

// Workers sets how many goroutines hash and join: GOMAXPROCS when not set.
func Workers(n int) Option {
	return func(o *options) {
		if n > 0 {
			o.workers = n
		}
	}
}

// BatchRows sets how many samples Materialize computes and commits at a time.
func BatchRows(n int) Option {
	return func(o *options) {
		if n > 0 {
			o.batchRows = n
		}
	}
}

// Columns names upstream columns that Materialize gives to its callback, and
// that ReadUpstream joins, beside the ids and "data_version".
func Columns(names ...string) Option {
	return func(o *options) { o.columns = append(o.columns, names...) }
}

// RetireOrphans makes Materialize retire the samples whose upstream is gone.
func RetireOrphans() Option { return func(o *options) { o.retire = true } }

// Progress is told by Materialize after each commit how many of the samples
// that it has to compute are done. It is called from the goroutine that called
// Materialize.
func Progress(f func(done, total int64)) Option { return func(o *options) { o.progress = f } }

// Local leaves fallbacks out of every read.
func Local() Option { return func(o *options) { o.local = true } }
