package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	duckdbdriver "github.com/duckdb/duckdb-go/v2"

	"github.com/metaxy-go/metaxy/core"
)

// hand is SQL that an expert would write for one graph and one phase, knowing
// what the file holds. It never serves another purpose than to be compared with.
type hand struct {
	name string
	// sql makes the statement, given the table of each feature. Its rows are
	// (kind, sample_id, one version a container, stale): kind is 0 for new, 1
	// for stale, 2 for orphaned, stale lists the containers that differ.
	sql func(sh shape, ph phase, tables map[core.FeatureKey]string) string
}

// hands are the contenders; the fastest of them is "the best hand-written SQL".
func hands() []hand {
	return []hand{
		{name: "SQL, tuned", sql: func(sh shape, ph phase, t map[core.FeatureKey]string) string {
			return handSQL(sh, ph, t, latestByMark, plainText)
		}},
		{name: "SQL, escaping", sql: func(sh shape, ph phase, t map[core.FeatureKey]string) string {
			return handSQL(sh, ph, t, latestByMark, escapedText)
		}},
		{name: "SQL, textbook", sql: func(sh shape, ph phase, t map[core.FeatureKey]string) string {
			return handSQL(sh, ph, t, latestByWindow, plainText)
		}},
	}
}

// latestByMark uses the mark that the store sets on rows that were replaced.
func latestByMark(table string) string {
	return fmt.Sprintf(`SELECT sample_id, data_version AS dv FROM %s WHERE metaxy_until IS NULL AND NOT metaxy_deleted`, table)
}

// latestByWindow does without it.
func latestByWindow(table string) string {
	return fmt.Sprintf(`SELECT sample_id, dv FROM (
		SELECT sample_id, data_version AS dv, metaxy_deleted FROM %s
		QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY metaxy_commit DESC) = 1) WHERE NOT metaxy_deleted`, table)
}

// plainText knows that no version in the file needs escaping.
func plainText(version string) string { return version }

// escapedText is right for every version.
func escapedText(version string) string {
	return fmt.Sprintf(`replace(replace(%s, '\', '\\'), '|', '\|')`, version)
}

// handSQL spells out join, hash and diff.
func handSQL(sh shape, ph phase, tables map[core.FeatureKey]string, latest func(string) string, text func(string) string) string {
	p := sh.plan(sh.leaf)
	from := fmt.Sprintf("(%s) r0", latest(tables[sh.roots[0]]))
	for i, root := range sh.roots[1:] {
		from += fmt.Sprintf(" JOIN (%s) r%d USING (sample_id)", latest(tables[root]), i+1)
	}
	var hashes []string
	for i, c := range p.Containers {
		hashes = append(hashes, fmt.Sprintf("sha256(%s) AS v%d", preimage(sh, c, text), i))
	}
	expected := fmt.Sprintf("SELECT sample_id, %s FROM %s", strings.Join(hashes, ", "), from)
	var versions, differs, lists, held []string
	for i, c := range p.Containers {
		versions = append(versions, fmt.Sprintf("e.v%d", i))
		differs = append(differs, fmt.Sprintf("e.v%d IS DISTINCT FROM l.v%d", i, i))
		lists = append(lists, fmt.Sprintf("CASE WHEN e.v%d IS DISTINCT FROM l.v%d THEN '%s' END", i, i, c.Name))
		held = append(held, fmt.Sprintf("dv.%q AS v%d", c.Name, i))
	}
	if !ph.held {
		return fmt.Sprintf("SELECT 0::UTINYINT AS kind, sample_id, %s, NULL::VARCHAR[] AS stale FROM (%s) e", strings.Join(versions, ", "), expected)
	}
	return fmt.Sprintf(`WITH e AS (%s), l AS (SELECT sample_id, %s FROM (%s))
		SELECT CASE WHEN l.sample_id IS NULL THEN 0 WHEN e.sample_id IS NULL THEN 2 ELSE 1 END::UTINYINT AS kind,
			coalesce(e.sample_id, l.sample_id) AS sample_id, %s,
			list_filter([%s], lambda x: x IS NOT NULL) AS stale
		FROM e FULL JOIN l ON e.sample_id = l.sample_id WHERE %s`,
		expected, strings.Join(held, ", "), latest(tables[sh.leaf]), strings.Join(versions, ", "), strings.Join(lists, ", "), strings.Join(differs, " OR "))
}

// preimage is what a container hashes, in the order of its sorted inputs.
func preimage(sh shape, c core.ContainerPlan, text func(string) string) string {
	parts := []string{fmt.Sprintf("'%s|%s", c.Name, c.Code)}
	open := true
	for _, in := range c.Inputs {
		if open {
			parts[len(parts)-1] += "|" + in.Feature.Dotted() + "/" + in.Container + "|'"
		} else {
			parts = append(parts, fmt.Sprintf("'|%s/%s|'", in.Feature.Dotted(), in.Container))
		}
		open = false
		parts = append(parts, text(fmt.Sprintf("r%d.dv.%q", sh.root(in.Feature), in.Container)))
	}
	return "concat(" + strings.Join(parts, ", ") + ")"
}

func (s shape) root(key core.FeatureKey) int {
	for i, r := range s.roots {
		if r == key {
			return i
		}
	}
	return -1
}

// answer is what hand-written SQL gives: its Arrow batches in memory, and the
// count of unchanged samples that the same answer has.
type answer struct {
	batches []arrow.RecordBatch
	rows    int64
	samples int64 // expected ones, from a count over the first root
}

func (a answer) release() { core.ReleaseAll(a.batches) }

// runHand opens the file, runs the SQL into Arrow batches and closes the file.
func runHand(ctx context.Context, file string, h hand, sh shape, ph phase) (a answer, err error) {
	conn, closeAll, err := openDriver(ctx, file)
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	tables := map[core.FeatureKey]string{}
	for _, key := range sh.graph.Keys() {
		tables[key] = fmt.Sprintf(`features."%s"`, key)
	}
	if a.batches, err = query(ctx, conn, h.sql(sh, ph, tables)); err != nil {
		return answer{}, err
	}
	for _, b := range a.batches {
		a.rows += b.NumRows()
	}
	counts, err := query(ctx, conn, fmt.Sprintf("SELECT count(*) FROM (%s)", latestByMark(tables[sh.roots[0]])))
	if err != nil {
		return answer{}, err
	}
	defer core.ReleaseAll(counts)
	if _, err := fmt.Sscan(counts[0].Column(0).ValueStr(0), &a.samples); err != nil {
		return answer{}, err
	}
	return a, nil
}

func openDriver(ctx context.Context, file string) (driver.Conn, func() error, error) {
	c, err := duckdbdriver.NewConnector(file, nil)
	if err != nil {
		return nil, nil, err
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return conn, func() error { return errors.Join(conn.Close(), c.Close()) }, nil
}

func query(ctx context.Context, conn driver.Conn, text string) ([]arrow.RecordBatch, error) {
	ar, err := duckdbdriver.NewArrowFromConn(conn)
	if err != nil {
		return nil, err
	}
	reader, err := ar.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, text)
	}
	defer reader.Release()
	var out []arrow.RecordBatch
	for reader.Next() {
		b := reader.RecordBatch()
		b.Retain()
		out = append(out, b)
	}
	return out, reader.Err()
}
