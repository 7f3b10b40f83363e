package cli

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

// output is where and how a verb prints rows.
type output struct {
	format string
	file   string
	wide   bool
	null   string // how a table shows null
}

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "format", "o", "", "one of "+formatsHelp(rowio.Outputs())+" (default: table, or what the ending of --output says)")
	cmd.Flags().StringVar(&o.file, "output", "", "file to write instead of printing")
	cmd.Flags().BoolVar(&o.wide, "wide", false, "do not cut the cells of a table")
}

// print writes rows.
func (a *app) print(o output, rows core.Rows) error {
	f := rowio.Table
	var err error
	switch {
	case o.format != "":
		f, err = rowio.ParseFormat(o.format)
	case o.file != "":
		f, err = rowio.FormatOf(o.file)
	}
	if err != nil {
		return err
	}
	opts := []rowio.Option{rowio.WithNull(o.null)}
	if o.wide {
		opts = append(opts, rowio.WithCellWidth(0))
	}
	if o.file == "" {
		if f == rowio.Arrow {
			f = rowio.ArrowStream // a file needs an end to come back to
		}
		_, err = rowio.Write(a.out, f, rows, opts...)
		return err
	}
	p := a.progress("writing rows", -1)
	defer p.done()
	n, err := rowio.WriteFileAs(o.file, f, p.rows(rows), opts...)
	if err == nil {
		p.done()
		a.say("%d rows written to %s", n, o.file)
	}
	return err
}

// listing builds a small table of strings, numbers and truths.
type listing struct {
	fields []arrow.Field
	lines  [][]any
}

func newListing(columns ...arrow.Field) *listing {
	for i := range columns {
		columns[i].Nullable = true
	}
	return &listing{fields: columns}
}

func textColumn(name string) arrow.Field {
	return arrow.Field{Name: name, Type: arrow.BinaryTypes.String}
}

func numberColumn(name string) arrow.Field {
	return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64}
}

// add appends a line; nil and the empty string are null.
func (l *listing) add(values ...any) { l.lines = append(l.lines, values) }

func (l *listing) rows() core.Rows {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(l.fields, nil))
	defer b.Release()
	for _, line := range l.lines {
		for i, v := range line {
			switch fb := b.Field(i).(type) {
			case *array.StringBuilder:
				if s, _ := v.(string); s != "" {
					fb.Append(s)
				} else {
					fb.AppendNull()
				}
			case *array.Int64Builder:
				if n, ok := v.(int64); ok {
					fb.Append(n)
				} else {
					fb.AppendNull()
				}
			}
		}
	}
	rec := b.NewRecordBatch()
	return core.RowsOf(rec.Schema(), rec)
}
