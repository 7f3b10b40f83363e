package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

const (
	cryptoRows    = 1_000_000
	cryptoKey     = core.FeatureKey("bench/people")
	cryptoTexts   = 8 // columns of texts in the read: with the id and the data version ten
	cryptoSecrets = 2
	cryptoTurns   = 4 // in one timing, so that memory fresh from the system is not all that is timed
)

// people are n rows of an id, texts of 60 bytes and one data version, in
// batches as consumers get them.
func people(n int64, texts int) (*core.Plan, core.Rows, error) {
	return peopleOf(cryptoKey, n, texts)
}

func peopleOf(key core.FeatureKey, n int64, texts int) (*core.Plan, core.Rows, error) {
	g, err := core.NewGraph(core.NewFeature(string(key), core.ID("id"), core.Container("content")))
	if err != nil {
		return nil, core.Rows{}, err
	}
	p, err := g.Plan(key)
	if err != nil {
		return nil, core.Rows{}, err
	}
	fields := []arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}
	for i := range texts {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: arrow.BinaryTypes.String})
	}
	fields = append(fields, arrow.Field{Name: core.ColDataVersion, Type: core.DataVersionType(p.ContainerNames())})
	schema := arrow.NewSchema(fields, nil)
	var batches []arrow.RecordBatch
	for from := int64(0); from < n; from += batchRows {
		batches = append(batches, peopleBatch(schema, from, min(from+batchRows, n), texts))
	}
	rows := core.RowsOf(schema, batches...)
	return p, rows, nil
}

func peopleBatch(schema *arrow.Schema, from, to int64, texts int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	id, text := []byte("sample-000000000000"), []byte("a person number 000000000000 walks along a street, seen 00000")[:60]
	versions := b.Field(texts + 1).(*array.StructBuilder)
	var digest [64]byte
	for i := from; i < to; i++ {
		putNumber(id[7:], i)
		b.Field(0).(*array.StringBuilder).BinaryBuilder.Append(id)
		for c := range texts {
			putNumber(text[16:28], i*7919+int64(c))
			b.Field(c + 1).(*array.StringBuilder).BinaryBuilder.Append(text)
		}
		versions.Append(true)
		putDigest(&digest, 1, uint64(i))
		versions.FieldBuilder(0).(*array.StringBuilder).BinaryBuilder.Append(digest[:])
	}
	return b.NewRecordBatch()
}

// values are what the layer and the raw loop both encrypt and decrypt.
type values struct {
	plan    *core.Plan
	batches []arrow.RecordBatch
	raw     *raw
	below   *shelf
	store   core.Store
}

func newValues(n int64) (*values, error) {
	p, rows, err := people(n, 1)
	if err != nil {
		return nil, err
	}
	v := &values{plan: p, below: &shelf{}}
	if v.batches, err = rows.Collect(); err != nil {
		return nil, err
	}
	if v.raw, err = newRaw(); err != nil {
		return nil, err
	}
	ring, err := keys.New()
	if err != nil {
		return nil, err
	}
	v.store, err = crypto.New(ring, crypto.Columns("c0")).Wrap(v.below)
	return v, err
}

func (v *values) close() error {
	core.ReleaseAll(v.batches)
	return errors.Join(v.store.Close(), v.below.Close())
}

// seal writes through the layer: all its own work, the checks of rows included.
func (v *values) seal(ctx context.Context) error {
	v.below.drop()
	_, err := v.store.Write(ctx, core.WriteRequest{Plan: v.plan, Rows: core.RowsOf(v.batches[0].Schema(), v.batches...)})
	return err
}

func (v *values) open(ctx context.Context) error {
	rows, err := v.store.Read(ctx, core.ReadRequest{Key: cryptoKey, Columns: []string{"c0"}})
	if err != nil {
		return err
	}
	return want(rows, v.below.info.Rows)
}

func want(rows core.Rows, n int64) error {
	if got, err := rows.Count(); err != nil || got != n {
		return fmt.Errorf("%d rows, want %d: %w", got, n, err)
	}
	return nil
}

// cryptoTable compares the layer with the plainest loop that does as much, and
// a read of encrypted columns with a plain one.
func (b *bench) cryptoTable(ctx context.Context) (out *section, err error) {
	out = &section{
		name: "crypto", title: "Encrypting columns",
		head: []string{"what", "raw or plain", "with the layer", "ratio", "wanted", "allocations a value"},
	}
	v, err := newValues(b.cryptoRows())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	for _, cores := range []int{1, runtime.NumCPU()} {
		if err := b.valueRows(ctx, v, cores, out); err != nil {
			return nil, err
		}
	}
	if err := b.encryptedRead(ctx, out); err != nil {
		return nil, err
	}
	n := count(b.cryptoRows())
	out.note("%s values of 60 bytes under AES-256-GCM. The raw loop is crypto/cipher with a random nonce and the same associated data for each value, on as many goroutines. The layer's side is a whole Write or Read over a store that does nothing, so its checks of ids and rows count too. Each timing is of four in a row. Processor time tells more on a busy machine.", n)
	out.note("The read is of %s rows and ten columns in a DuckDB file, two of them encrypted; every batch is decrypted, none is looked at further.", n)
	return out, nil
}

// cryptoRows are a million rows, or fewer in a small run.
func (b *bench) cryptoRows() int64 {
	n := int64(1)
	for _, s := range b.sizes {
		n = max(n, s)
	}
	return min(n, cryptoRows)
}

func (b *bench) valueRows(ctx context.Context, v *values, cores int, out *section) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	fill := func() error { return errors.Join(v.raw.seal(v.batches, cores), v.seal(ctx)) }
	if err := fill(); err != nil { // what is opened
		return err
	}
	cpu := make([][]time.Duration, 4)
	timed := func(i int, name string, f func() error) contender {
		return contender{name: name, run: func() error {
			at := processorTime()
			for range cryptoTurns {
				if err := f(); err != nil {
					return err
				}
			}
			cpu[i] = append(cpu[i], (processorTime()-at)/cryptoTurns)
			return nil
		}}
	}
	times, err := race(max(b.rounds, 5), []contender{
		timed(0, "raw seal", func() error { return v.raw.seal(v.batches, cores) }),
		timed(1, "layer seal", func() error { return v.seal(ctx) }),
		timed(2, "raw open", func() error { return v.raw.open(v.batches, cores) }),
		timed(3, "layer open", func() error { return v.open(ctx) }),
	})
	if err != nil {
		return err
	}
	for i := range times {
		for j := range times[i] {
			times[i][j] /= cryptoTurns
		}
	}
	both := [2][]time.Duration{sum(times[0], times[2]), sum(times[1], times[3])}
	for i, what := range []string{"encrypt", "decrypt"} {
		f := v.seal
		if i == 1 {
			f = v.open
		}
		per, err := allocations(func() error { return f(ctx) }, b.cryptoRows())
		if err != nil {
			return err
		}
		out.row(what+on(cores), times[2*i], times[2*i+1], "", fmt.Sprintf("%.2f", per))
	}
	out.row("both"+on(cores), both[0], both[1], "1.60", "")
	out.row("both"+on(cores)+", processor time", sum(cpu[0], cpu[2]), sum(cpu[1], cpu[3]), "1.60", "")
	return nil
}

func on(cores int) string {
	if cores == 1 {
		return ", one core"
	}
	return fmt.Sprintf(", %d cores", cores)
}

// sum adds the times of each round.
func sum(a, b []time.Duration) []time.Duration {
	out := make([]time.Duration, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

// row adds a comparison.
func (s *section) row(what string, base, with []time.Duration, wanted, allocs string) {
	s.add(what, ms(median(base)), ms(median(with)), fmt.Sprintf("%.2f", ratio(with, base)), wanted, allocs)
}

// allocations counts those of one call, by the value.
func allocations(f func() error, n int64) (float64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), err
}

func (b *bench) encryptedRead(ctx context.Context, out *section) (err error) {
	ring, err := keys.New()
	if err != nil {
		return err
	}
	read := func(file string, opts ...crypto.Option) (contender, func() error, error) {
		p, rows, err := people(b.cryptoRows(), cryptoTexts)
		if err != nil {
			return contender{}, nil, err
		}
		db, err := duckdb.Open(ctx, filepath.Join(b.dir, file))
		if err != nil {
			return contender{}, nil, err
		}
		s := db
		if len(opts) > 0 {
			if s, err = crypto.New(ring, opts...).Wrap(db); err != nil {
				return contender{}, nil, errors.Join(err, db.Close())
			}
		}
		if _, err := s.Write(ctx, core.WriteRequest{Plan: p, Rows: rows}); err != nil {
			return contender{}, nil, errors.Join(err, db.Close())
		}
		return contender{name: file, run: func() error {
			rows, err := s.Read(ctx, core.ReadRequest{Key: cryptoKey})
			if err != nil {
				return err
			}
			return want(rows, b.cryptoRows())
		}}, db.Close, nil
	}
	plain, end, err := read("plain.duckdb")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	secret, endSecret, err := read("secret.duckdb", crypto.Columns("c1", "c2"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endSecret()) }()
	times, err := race(max(b.rounds, 5), []contender{plain, secret})
	if err != nil {
		return err
	}
	out.row(fmt.Sprintf("read, %d of %d columns", cryptoSecrets, cryptoTexts+2), times[0], times[1], "2.00", "")
	return nil
}
