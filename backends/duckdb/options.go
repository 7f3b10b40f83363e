package duckdb

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// Scheme is the URL scheme of OpenURL.
const Scheme = "duckdb"

// Option sets a choice of Open. Options commute.
type Option func(*config)

type config struct {
	readOnly   bool
	memory     int64
	temp       string
	threads    int
	extensions bool
	spill      int64
	mem        memory.Allocator
	now        func() time.Time
	marking    marking
}

func newConfig(opts []Option) config {
	c := config{mem: memory.DefaultAllocator, now: time.Now, spill: DefaultIncrementMemory, marking: defaultMarking()}
	for _, set := range opts {
		if set != nil {
			set(&c)
		}
	}
	return c
}

// ReadOnly opens for reading. The database must exist. Writes are ErrReadOnly.
func ReadOnly() Option { return func(c *config) { c.readOnly = true } }

// MemoryLimit is what DuckDB may use, in bytes; beyond it DuckDB spills to the temporary directory. 80 % of the machine's when not set.
// Arrow batches on their way in and out come on top: some tens of megabytes a Read.
func MemoryLimit(bytes int64) Option { return func(c *config) { c.memory = bytes } }

// TempDirectory is where DuckDB spills: beside the database when not set.
func TempDirectory(dir string) Option { return func(c *config) { c.temp = dir } }

// Threads is how many threads DuckDB uses: one a core when not set.
func Threads(n int) Option { return func(c *config) { c.threads = n } }

// AllowExtensions lets DuckDB fetch and load extensions by itself. Without it nothing is fetched from the network.
func AllowExtensions() Option { return func(c *config) { c.extensions = true } }

// Allocator sets where the batches that Read returns are kept: the Go heap when not set. The rows of an Increment are always on the Go heap.
func Allocator(mem memory.Allocator) Option { return func(c *config) { c.mem = mem } }

// Clock sets what tells the time of commits: time.Now when not set. Within a feature commit times do not run backwards even when the
// clock does.
func Clock(now func() time.Time) Option { return func(c *config) { c.now = now } }

// DefaultIncrementMemory is how much of an Increment is kept in memory, in bytes.
const DefaultIncrementMemory = 1 << 30

// IncrementMemory is how much of an Increment is kept in memory before the rest goes to an unlinked file in the temporary directory.
func IncrementMemory(bytes int64) Option { return func(c *config) { c.spill = bytes } }

// OpenURL opens "duckdb://path?option=value". The options are read_only, memory_limit (bytes, or such as 512MB and 2GB), temp_directory,
// threads and allow_extensions. The path is taken as it is: duckdb:///var/lib/meta.duckdb is absolute, duckdb://meta.duckdb is relative to
// the working directory, duckdb://:memory: is a database in memory.
func OpenURL(ctx context.Context, address string) (core.Store, error) {
	path, opts, err := parseURL(address)
	if err != nil {
		return nil, err
	}
	return Open(ctx, path, opts...)
}

func parseURL(address string) (string, []Option, error) {
	rest, ok := strings.CutPrefix(address, Scheme+"://")
	if !ok {
		return "", nil, fmt.Errorf("%w: %q is no %s:// URL", core.ErrInvalid, address, Scheme)
	}
	path, query, _ := strings.Cut(rest, "?")
	path, err := url.PathUnescape(path)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %s URL: %w", core.ErrInvalid, Scheme, err)
	}
	if path == "" {
		return "", nil, fmt.Errorf("%w: %s URL without a path; write %s://:memory: for a database in memory", core.ErrInvalid, Scheme, Scheme)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %s URL: %w", core.ErrInvalid, Scheme, err)
	}
	var opts []Option
	for key, all := range values {
		set, ok := urlOptions[key]
		if !ok {
			return "", nil, fmt.Errorf("%w: %s URL: unknown option %q; there are %s", core.ErrInvalid, Scheme, key, strings.Join(urlOptionNames(), ", "))
		}
		opt, err := set(all[len(all)-1])
		if err != nil {
			return "", nil, fmt.Errorf("%w: %s URL: option %s: %w", core.ErrInvalid, Scheme, key, err)
		}
		opts = append(opts, opt)
	}
	return path, opts, nil
}

var urlOptions = map[string]func(string) (Option, error){
	"read_only":        switched(ReadOnly),
	"allow_extensions": switched(AllowExtensions),
	"temp_directory":   func(v string) (Option, error) { return TempDirectory(v), nil },
	"memory_limit": func(v string) (Option, error) {
		n, err := parseBytes(v)
		return MemoryLimit(n), err
	},
	"threads": func(v string) (Option, error) {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of threads", v)
		}
		return Threads(n), nil
	},
}

func urlOptionNames() []string {
	var names []string
	for n := range urlOptions {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func switched(opt func() Option) func(string) (Option, error) {
	return func(v string) (Option, error) {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", v)
		}
		if !on {
			return func(*config) {}, nil
		}
		return opt(), nil
	}
}

func parseBytes(v string) (int64, error) {
	units := []struct {
		suffix string
		factor int64
	}{{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}}
	text := strings.ToUpper(strings.TrimSpace(v))
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.factor {
			break
		}
		return n * u.factor, nil
	}
	return 0, fmt.Errorf("%q is no size; write such as 512MB", v)
}
