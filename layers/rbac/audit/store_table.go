package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/metaxy-go/metaxy/core"
)

// The columns of a trail in a store. "line" is the record, what stands beside
// it is there to be searched.
const (
	columnChain = iota
	columnSeq
	columnTime
	columnKind
	columnIdentity
	columnOp
	columnPart
	columnFeature
	columnDecision
	columnOutcome
	columnLine
	columnVersion
)

func tableSchema() *arrow.Schema {
	text := arrow.BinaryTypes.String
	return arrow.NewSchema([]arrow.Field{
		{Name: "chain", Type: text},
		{Name: "seq", Type: arrow.PrimitiveTypes.Int64},
		{Name: "time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: "kind", Type: text},
		{Name: "identity", Type: text},
		{Name: "op", Type: text},
		{Name: "part", Type: text},
		{Name: "feature", Type: text},
		{Name: "decision", Type: text},
		{Name: "outcome", Type: text},
		{Name: "line", Type: text},
		{Name: "data_version", Type: core.DataVersionType([]string{"record"})},
	}, nil)
}

// texts are the columns that repeat what the line says.
func texts(r Record) [columnLine]string {
	out := [columnLine]string{
		columnKind: string(r.Kind), columnIdentity: r.Event.Identity, columnPart: r.Event.Part,
		columnFeature: string(r.Event.Feature), columnDecision: r.Event.Decision, columnOutcome: r.Event.Outcome,
	}
	if r.Event.Op != 0 {
		out[columnOp] = r.Event.Op.String()
	}
	return out
}

// tableOf makes rows of encoded lines.
func tableOf(chain string, encoded []byte) (arrow.RecordBatch, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, tableSchema())
	defer b.Release()
	str := func(i int, s string) { b.Field(i).(*array.StringBuilder).Append(s) }
	version := b.Field(columnVersion).(*array.StructBuilder)
	for line := range bytes.Lines(encoded) {
		r, err := ParseLine(line)
		if err != nil {
			return nil, err
		}
		str(columnChain, chain)
		b.Field(columnSeq).(*array.Int64Builder).Append(r.Seq)
		b.Field(columnTime).(*array.TimestampBuilder).Append(arrow.Timestamp(r.Time.UnixMicro()))
		for i, s := range texts(r) {
			if i >= columnKind {
				str(i, s)
			}
		}
		str(columnLine, string(bytes.TrimSuffix(line, []byte{'\n'})))
		version.Append(true)
		version.FieldBuilder(0).(*array.StringBuilder).Append(r.Hash.String())
	}
	return b.NewRecordBatch(), nil
}

// VerifyStore verifies every chain of the feature that a [Store] writes, and
// that the columns say what the lines say. It gives a report for each chain, by
// name; the error is the first [DamageError], whose Line is the row in the chain.
// The rows are held in memory. With [Holds], one of the chains must have the
// record.
func VerifyStore(ctx context.Context, store core.Store, key core.FeatureKey, public Verifier, opts ...VerifyOption) ([]Report, error) {
	base, err := newChecker(public, opts)
	if err != nil {
		return nil, err
	}
	chains, err := readChains(ctx, store, key)
	if err != nil {
		return nil, err
	}
	holds := base.holds
	var reports []Report
	for _, name := range slices.Sorted(maps.Keys(chains)) {
		c := &checker{key: public, verifying: base.verifying}
		c.holds = slices.Clone(holds)
		report, err := c.chain(name, chains[name])
		reports = append(reports, report)
		if err != nil {
			return reports, err
		}
		holds = c.holds
	}
	if len(holds) > 0 {
		return reports, &DamageError{Seq: holds[0].Seq, Damage: Truncated, Text: "no chain has this record, which is known to have been written"}
	}
	return reports, nil
}

// chain checks the rows of one chain, in their order.
func (c *checker) chain(name string, rows []row) (Report, error) {
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.seq, b.seq) })
	fail := func(p *DamageError) (Report, error) {
		c.report.Broken = p
		return c.report, p
	}
	for _, r := range rows {
		c.line++
		if r.bad {
			return fail(c.problem(Edited, "the columns do not say what the line says"))
		}
		if err := c.check([]byte(r.line), 0, newLines(bytes.NewReader(nil))); err != nil {
			if p, ok := err.(*DamageError); ok { //nolint:errorlint // check makes it itself
				return fail(p)
			}
			return c.report, err
		}
		if c.report.Chain != name {
			return fail(c.problem(Inserted, "the row is of another chain"))
		}
	}
	kept := c.holds
	c.holds = nil
	report, err := c.done()
	c.holds = kept
	return report, err
}

type row struct {
	chain, line string
	seq         int64
	bad         bool // columns and line differ
}

func readChains(ctx context.Context, store core.Store, key core.FeatureKey) (map[string][]row, error) {
	schema := tableSchema()
	columns := make([]string, columnVersion)
	for i := range columns {
		columns[i] = schema.Field(i).Name
	}
	rows, err := store.Read(ctx, core.ReadRequest{Key: key, Columns: columns, History: true})
	if err != nil {
		return nil, err
	}
	out := map[string][]row{}
	for batch, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		if err := addRows(out, batch); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addRows takes the rows of a batch; a backend may give text in any of Arrow's
// ways.
func addRows(out map[string][]row, batch arrow.RecordBatch) error {
	seqs, ok := batch.Column(columnSeq).(*array.Int64)
	if !ok {
		return fmt.Errorf("audit: %w: column seq is %s", core.ErrIntegrity, batch.Column(columnSeq).DataType())
	}
	at, ok := batch.Column(columnTime).(*array.Timestamp)
	if !ok {
		return fmt.Errorf("audit: %w: column time is %s", core.ErrIntegrity, batch.Column(columnTime).DataType())
	}
	toTime, err := at.DataType().(*arrow.TimestampType).GetToTimeFunc()
	if err != nil {
		return err
	}
	for i := range int(batch.NumRows()) {
		r := row{chain: batch.Column(columnChain).ValueStr(i), line: batch.Column(columnLine).ValueStr(i), seq: seqs.Value(i)}
		record, err := ParseLine([]byte(r.line))
		if err == nil {
			r.bad = record.Seq != r.seq || record.Time.UnixMicro() != toTime(at.Value(i)).UnixMicro()
			for j, s := range texts(record) {
				r.bad = r.bad || j >= columnKind && batch.Column(j).ValueStr(i) != s
			}
		}
		out[r.chain] = append(out[r.chain], r)
	}
	return nil
}
