package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/cmd/metaxy/internal/filescan"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

func (a *app) scanCommand() *cobra.Command {
	var sc scanning
	cmd := &cobra.Command{
		Use:   "scan DIR KEY",
		Short: "Bring a root feature to the files of a folder",
		Long: `Make the files of a folder the samples of a root feature: the path within the
folder is the id, the SHA-256 of the content the data version, and the columns
"size" and "modified" go along. Files that are new or have other content are
written, files that vanished are retired; what --include and --exclude leave out
is neither.

The feature has one id column, of any name, and one container.
With --dry-run nothing is written, and exit code 2 says that something would be.`,
		Example: `  metaxy scan ./videos video/raw
  metaxy scan ./images image/raw --include '*.png' --include '*.jpg' --exclude 'tmp/**'
  metaxy scan ./videos video/raw --dry-run`,
		Args: exactly("DIR", "KEY"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.scan(cmd, args[0], args[1], sc) },
	}
	cmd.Flags().StringArrayVar(&sc.filter.Include, "include", nil, "pattern of files to take, such as '*.png' or 'raw/**/*.mp4'; may be repeated")
	cmd.Flags().StringArrayVar(&sc.filter.Exclude, "exclude", nil, "pattern of files to leave out; may be repeated")
	cmd.Flags().BoolVar(&sc.filter.Hidden, "hidden", false, "take files and folders whose name begins with a dot")
	cmd.Flags().BoolVar(&sc.quick, "trust-modified", false, "do not read files whose size and time are as they were")
	cmd.Flags().BoolVar(&sc.keep, "keep", false, "do not retire files that vanished")
	cmd.Flags().BoolVar(&sc.empty, "allow-empty", false, "retire everything if no file is found")
	cmd.Flags().BoolVar(&sc.dry, "dry-run", false, "say what would be written, and write nothing")
	return cmd
}

// scanning are the flags of scan.
type scanning struct {
	filter                  filescan.Filter
	quick, keep, empty, dry bool
}

const (
	colSize     = "size"
	colModified = "modified"
)

func (a *app) scan(cmd *cobra.Command, dir, key string, sc scanning) error {
	p, err := a.plan(key)
	if err != nil {
		return err
	}
	if err := scannable(p); err != nil {
		return err
	}
	if err := sc.filter.Check(); err != nil {
		return usagef("%w", err)
	}
	s, err := a.open(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	files, err := filescan.List(ctx, dir, sc.filter)
	var odd *filescan.NameError
	if errors.As(err, &odd) {
		return fmt.Errorf("%w (--exclude %s leaves it out)", err, shellWord(odd.Pattern))
	}
	if err != nil {
		return err
	}
	if len(files) == 0 && !sc.empty {
		return usagef("no file was found in %s: --allow-empty retires all samples", dir)
	}
	if sc.quick {
		if err := a.known(ctx, s, p, files); err != nil {
			return err
		}
	}
	if err := a.hash(ctx, dir, files); err != nil {
		return err
	}
	rows := fileRows(p, files)
	done, err := sync{
		store: s, plan: p, samples: rows, retire: !sc.keep, dry: sc.dry, local: true,
		vanished: func(gone core.Rows) (core.Rows, error) { return only(gone, p.Feature.ID[0], sc.filter.Match) },
	}.run(ctx)
	if err != nil {
		if held, herr := heldSchema(ctx, s, p.Key()); herr == nil {
			err = evolveFirst(err, p.Key(), held, rows.Schema)
		}
		return err
	}
	return a.saySynced(p.Key(), done, sc.dry)
}

// scannable reports a feature that files cannot be the samples of.
func scannable(p *core.Plan) error {
	switch {
	case !p.Root():
		return usagef("feature %s has upstream: only a root feature's samples are files", p.Key())
	case len(p.Feature.ID) != 1:
		return usagef("feature %s has id columns %s: want one, for the path", p.Key(), strings.Join(p.Feature.ID, ", "))
	case len(p.Containers) != 1:
		return usagef("feature %s has containers %s: want one, for the content", p.Key(), strings.Join(p.ContainerNames(), ", "))
	case slices.Contains([]string{colSize, colModified}, p.Feature.ID[0]):
		return usagef("feature %s: the id column cannot be called %q", p.Key(), p.Feature.ID[0])
	}
	return nil
}

func (a *app) hash(ctx context.Context, dir string, files []filescan.File) error {
	var total int64
	for _, f := range files {
		if f.Hash == "" {
			total += f.Size
		}
	}
	bar := a.progress(fmt.Sprintf("hashing %d files", len(files)), total, progressbar.OptionShowBytes(true))
	defer bar.done()
	return filescan.Hash(ctx, dir, files, bar.add)
}

// known fills in the hashes of files whose size and time are as they are held.
func (a *app) known(ctx context.Context, s core.Store, p *core.Plan, files []filescan.File) error {
	id, container := p.Feature.ID[0], p.ContainerNames()[0]
	rows, err := s.Read(ctx, core.ReadRequest{Key: p.Key(), Columns: []string{id, colSize, colModified, core.ColDataVersion}, Local: true})
	if errors.Is(err, core.ErrFeatureNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, f := range files {
		at[f.Path] = i
	}
	for b, err := range rows.Batches {
		if err != nil {
			return err
		}
		paths, ok1 := b.Column(0).(*array.String)
		sizes, ok2 := b.Column(1).(*array.Int64)
		times, ok3 := b.Column(2).(*array.Timestamp)
		dv, ok4 := b.Column(3).(*array.Struct)
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return usagef("--trust-modified: feature %s was not written by a scan", p.Key())
		}
		field, found := dv.DataType().(*arrow.StructType).FieldIdx(container)
		versions, ok := dv.Field(max(field, 0)).(*array.String)
		if !found || !ok {
			return nil
		}
		unit := times.DataType().(*arrow.TimestampType).Unit
		for row := range paths.Len() {
			i, listed := at[paths.Value(row)]
			if listed && sizes.Value(row) == files[i].Size && times.Value(row).ToTime(unit).Equal(files[i].Modified) && versions.IsValid(row) {
				files[i].Hash = versions.Value(row)
			}
		}
	}
	return nil
}

// fileRows makes rows of files.
func fileRows(p *core.Plan, files []filescan.File) core.Rows {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: p.Feature.ID[0], Type: arrow.BinaryTypes.String},
		{Name: colSize, Type: arrow.PrimitiveTypes.Int64},
		{Name: colModified, Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: core.ColDataVersion, Type: core.DataVersionType(p.ContainerNames())},
	}, nil)
	return core.Rows{Schema: schema, Replayable: true, Batches: func(yield func(arrow.RecordBatch, error) bool) {
		for chunk := range slices.Chunk(files, rowio.BatchRows) {
			b := fileBatch(schema, chunk)
			more := yield(b, nil)
			b.Release()
			if !more {
				return
			}
		}
	}}
}

func fileBatch(schema *arrow.Schema, files []filescan.File) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	dv := b.Field(3).(*array.StructBuilder)
	for _, f := range files {
		b.Field(0).(*array.StringBuilder).Append(f.Path)
		b.Field(1).(*array.Int64Builder).Append(f.Size)
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(f.Modified.Truncate(time.Microsecond).UnixMicro()))
		dv.Append(true)
		dv.FieldBuilder(0).(*array.StringBuilder).Append(f.Hash)
	}
	return b.NewRecordBatch()
}

// only keeps the ids that a scan with these patterns would have found.
func only(ids core.Rows, column string, match func(string) bool) (core.Rows, error) {
	schema := arrow.NewSchema([]arrow.Field{{Name: column, Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for batch, err := range ids.All() {
		if err != nil {
			return core.Rows{}, err
		}
		paths, ok := batch.Column(batch.Schema().FieldIndices(column)[0]).(*array.String)
		if !ok {
			return core.Rows{}, usagef("the id column %q does not hold paths", column)
		}
		for row := range paths.Len() {
			if match(paths.Value(row)) {
				b.Field(0).(*array.StringBuilder).Append(strings.Clone(paths.Value(row)))
			}
		}
	}
	rec := b.NewRecordBatch()
	return core.RowsOf(schema, rec), nil
}
