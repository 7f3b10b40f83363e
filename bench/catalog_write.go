package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/metaxy-go/metaxy/backends/duckdb"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/catalog/sqlite"
)

// registration compares writes of a million rows with and without the layer.
func (b *bench) registration(ctx context.Context, out *section) error {
	n := b.cryptoRows()
	for _, texts := range []int{1, cryptoTexts} {
		p, rows, err := people(n, texts)
		if err != nil {
			return err
		}
		bare, endBare := b.commit(ctx, p, rows, false)
		with, endWith := b.commit(ctx, p, rows, true)
		took, err := race(max(b.rounds, 3), []contender{bare, with})
		if err := errors.Join(err, endBare(), endWith()); err != nil {
			return err
		}
		var extra []time.Duration
		for i := range took[0] {
			extra = append(extra, took[1][i]-took[0][i])
		}
		name := fmt.Sprintf("registration of %s rows of %d columns, SQLite", count(n), texts+2)
		out.add(name, ms(median(extra)), "", ms(median(took[0])), fmt.Sprintf("%.2f", ratio(extra, took[0])), "ratio 0.50")
	}
	return nil
}

// commit writes the rows as the first commit of a new file each round.
func (b *bench) commit(ctx context.Context, p *core.Plan, rows core.Rows, with bool) (contender, func() error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("registration-%t", with))
	var top core.Store
	var opened []interface{ Close() error } // the lowest first
	end := func() error {
		var errs []error
		for _, c := range slices.Backward(opened) {
			errs = append(errs, c.Close())
		}
		top, opened = nil, nil
		return errors.Join(append(errs, os.RemoveAll(dir))...)
	}
	open := func() error {
		if err := errors.Join(end(), os.MkdirAll(dir, 0o755)); err != nil {
			return err
		}
		below, err := duckdb.Open(ctx, filepath.Join(dir, "store.duckdb"))
		if err != nil {
			return err
		}
		top, opened = below, append(opened, below)
		if !with {
			return nil
		}
		cat, err := sqlite.Open(ctx, filepath.Join(dir, "catalog.db"))
		if err != nil {
			return err
		}
		opened = append(opened, cat)
		if top, err = catalog.New(cat).Wrap(below); err == nil {
			opened = append(opened, top)
		}
		return err
	}
	return contender{name: dir, setup: open, run: func() error {
		_, err := top.Write(ctx, core.WriteRequest{Plan: p, Rows: rows})
		return err
	}}, end
}

const (
	catalogProcesses = 16
	catalogOwn       = 250 // registrations of each process in a feature of its own, and as many in one that all share
)

// writersAtOnce lets processes register into one file.
func (b *bench) writersAtOnce(ctx context.Context, out *section) (err error) {
	path := filepath.Join(b.dir, "processes.db")
	each := min(catalogOwn, max(b.cryptoRows()/100, 1))
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	var all sync.WaitGroup
	errs := make([]error, catalogProcesses)
	for i := range errs {
		all.Go(func() {
			job := "register:" + strconv.Itoa(i)
			if text, err := exec.CommandContext(ctx, self, "-child", job, "-file", path, "-n", strconv.FormatInt(each, 10)).CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("process %d: %w: %s", i, err, text)
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for i := range catalogProcesses {
		if err := whole(ctx, c, ownKey(i), each); err != nil {
			return err
		}
	}
	if err := whole(ctx, c, "process/shared", each*catalogProcesses); err != nil {
		return err
	}
	total := 2 * each * catalogProcesses
	out.add(fmt.Sprintf("%d registrations by %d processes, SQLite", total, catalogProcesses), ms(took/time.Duration(total)), "", fmt.Sprintf("%.0f a second", float64(total)/took.Seconds()), "", "none lost")
	return nil
}

func ownKey(i int) core.FeatureKey { return core.FeatureKey(fmt.Sprintf("process/p%d", i)) }

func whole(ctx context.Context, c catalog.Catalog, key core.FeatureKey, commits int64) error {
	e, err := c.Entry(ctx, key)
	if err == nil && (e.Commits != commits || e.Through != commits || e.Rows != 10*commits) {
		err = fmt.Errorf("%s: %d commits through %d of %d rows, want %d of 10 each", key, e.Commits, e.Through, e.Rows, commits)
	}
	return err
}

// childRegister registers commits of ten rows, each with versions of its own.
func childRegister(ctx context.Context, file string, process int, n int64) (err error) {
	c, err := sqlite.Open(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for i := range n {
		for _, at := range []struct {
			key core.FeatureKey
			seq int64
		}{{ownKey(process), i + 1}, {"process/shared", int64(process)*n + i + 1}} {
			m := catalog.Materialization{Key: at.key, Commit: core.Commit{Seq: at.seq, Rows: 10, Time: time.Unix(1_700_000_000, 0)}}
			if err := c.RegisterMaterialization(ctx, m, manyVersions(10, uint64(process)<<32|uint64(at.seq))); err != nil {
				return err
			}
		}
	}
	return nil
}
