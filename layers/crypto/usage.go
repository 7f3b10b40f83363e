package crypto

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
)

// KeyUse counts the values of a feature that each key wrote, by key id.
type KeyUse struct {
	Latest map[uint32]int64 // in the latest row of each sample
	Every  map[uint32]int64 // in every row, superseded and retired ones included
}

// KeyUse reads all protected columns of a feature, history included, and counts
// values by key: what Disable and Delete of a key would cost. Nothing is
// decrypted. below is the store under the layer; a value that is no ciphertext
// is ErrNotCiphertext.
func (c *Crypto) KeyUse(ctx context.Context, below core.Store, key core.FeatureKey) (KeyUse, error) {
	use := KeyUse{Latest: map[uint32]int64{}, Every: map[uint32]int64{}}
	columns, err := c.stored(ctx, below, key)
	for history, counts := range map[bool]map[uint32]int64{false: use.Latest, true: use.Every} {
		if err != nil {
			break
		}
		err = eachColumn(ctx, below, key, columns, history, func(_ *column, _ arrow.RecordBatch, cells *array.Binary) (int, error) {
			for row := range cells.Len() {
				if cells.IsNull(row) {
					continue
				}
				_, id, _, _, err := parse(cells.Value(row))
				if err != nil {
					return row, err
				}
				counts[id]++
			}
			return 0, nil
		})
	}
	return use, core.WrapError(core.OpRead, key, name, err)
}

// SubjectUse counts, for each column under secrets of subjects, the values that
// one subject has in the whole history of a feature: what shredding the subject
// makes unreadable. A column without such values is not in the answer.
func (c *Crypto) SubjectUse(ctx context.Context, below core.Store, key core.FeatureKey, subject string) (map[string]int64, error) {
	use := map[string]int64{}
	columns, err := c.stored(ctx, below, key)
	if err == nil {
		columns = slices.DeleteFunc(columns, func(c *column) bool { return c.subject == "" && (c.rule == nil || c.rule.subject == "") })
		if len(columns) > 0 {
			err = c.trusted(ctx, key, columns)
		}
	}
	if err == nil {
		err = eachColumn(ctx, below, key, columns, true, func(c *column, b arrow.RecordBatch, cells *array.Binary) (int, error) {
			named, err := named(b, c.subject)
			if err != nil {
				return 0, err
			}
			ids, err := ident.Bind(b, []string{c.subject})
			if err != nil {
				return 0, invalidf("%w", err)
			}
			var text []byte
			for row := range cells.Len() {
				if cells.IsNull(row) || isNull(named, row) {
					continue
				}
				if text = ids.AppendText(text[:0], row); string(text) == subject {
					use[c.name()]++
				}
			}
			return 0, nil
		})
	}
	return use, core.WrapError(core.OpRead, key, name, err)
}

// trusted refuses records that storage changed.
func (c *Crypto) trusted(ctx context.Context, key core.FeatureKey, columns []*column) error {
	ring, err := (&store{keys: c.keys}).ring(ctx)
	if err != nil {
		return err
	}
	return trustAll(columns, ring, key)
}

// stored lists the protected columns that the store below holds of a feature.
func (c *Crypto) stored(ctx context.Context, below core.Store, key core.FeatureKey) ([]*column, error) {
	info, err := below.Stat(ctx, core.StatRequest{Key: key, Local: true})
	if err != nil {
		return nil, err
	}
	v, err := c.options.view(info)
	return v.columns, err
}

// eachColumn reads protected columns as they are stored. What f refuses, it
// tells the row of.
func eachColumn(ctx context.Context, below core.Store, key core.FeatureKey, columns []*column, history bool,
	f func(c *column, b arrow.RecordBatch, cells *array.Binary) (row int, err error),
) error {
	var read []string
	for _, c := range columns {
		if read = appendNew(read, c.path[0]); c.subject != "" {
			read = appendNew(read, c.subject)
		}
	}
	if len(read) == 0 {
		return nil
	}
	rows, err := below.Read(ctx, core.ReadRequest{Key: key, Columns: read, History: history, Local: true})
	if err != nil {
		return err
	}
	before := int64(0)
	for b, err := range rows.All() {
		if err != nil {
			return err
		}
		for _, c := range columns {
			cells, err := c.cells(b)
			if err != nil {
				return err
			}
			row, err := f(c, b, cells)
			cells.Release()
			if err != nil {
				return &ValueError{Column: c.name(), Row: before + int64(row) + 1, Err: err}
			}
		}
		before += b.NumRows()
	}
	return nil
}

// cells gives what is stored of a protected column, for the caller to release.
func (c *column) cells(b arrow.RecordBatch) (*array.Binary, error) {
	whole, err := named(b, c.path[0])
	if err != nil {
		return nil, err
	}
	inner, err := at(whole, c.path[1:])
	if err != nil {
		return nil, err
	}
	if cells, ok := inner.(*array.Binary); ok {
		return cells, nil
	}
	inner.Release()
	return nil, integrityf("the protected column %q is not stored as binary", c.name())
}
