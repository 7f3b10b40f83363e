//go:build cgo && duckdb_arrow

package duckdb

import (
	"fmt"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// finish checks for duplicates, supersedes, logs and commits.
func (w *writer) finish() (core.Commit, error) {
	if err := w.insert.wait(); err != nil {
		return core.Commit{}, err
	}
	if w.duplicates() {
		if err := w.findDuplicate(); err != nil {
			return core.Commit{}, err
		}
	}
	ended, endedLive, err := w.supersede()
	if err != nil {
		return core.Commit{}, err
	}
	m := w.m
	commit := core.Commit{
		Seq: w.seq, ID: w.req.ID, Rows: w.rows, Bytes: w.bytes, Time: w.s.now().UTC().Truncate(time.Microsecond),
		FeatureVersion: w.req.Plan.Version, Tombstones: w.req.Tombstones, Basis: w.req.Basis.Clone(),
	}
	if commit.Time.Before(m.modified) {
		commit.Time = m.modified
	}
	live, dead := w.rows, int64(0)
	if w.req.Tombstones {
		live, dead = 0, w.rows
	}
	_, err = w.c.exec(w.ctx, `UPDATE metaxy.features SET feature_version = ?1, live = ?2, total = ?3, tombstones = ?4, superseded = ?5, bytes = ?6,
		escapes = ?7, zeros = ?8, created = coalesce(created, ?9::TIMESTAMP), modified = ?9::TIMESTAMP WHERE key = ?10`,
		commit.FeatureVersion, m.live+live-endedLive, m.total+w.rows, m.tombstones+dead, m.superseded+ended, m.bytes+w.bytes,
		m.escapes || w.escapes, m.zeros || w.zeros, commit.Time, string(m.key))
	if err != nil {
		return core.Commit{}, err
	}
	var basis any
	if commit.Basis != nil {
		basis = encodeJSON(commit.Basis)
	}
	_, err = w.c.exec(w.ctx, `INSERT INTO metaxy.commits (key, seq, id, fingerprint, rows, bytes, time, feature_version, tombstones, basis)
		VALUES (?, ?, ?, ?, ?, ?, ?::TIMESTAMP, ?, ?, ?)`,
		string(m.key), commit.Seq, commit.ID, w.sum(), commit.Rows, commit.Bytes, commit.Time, commit.FeatureVersion, commit.Tombstones, basis)
	if err != nil {
		return core.Commit{}, err
	}
	return commit, w.c.commit(w.ctx)
}

// idColumns are the quoted id columns of the table.
func (m *meta) idColumns() []string {
	out := make([]string, len(m.id))
	for i, id := range m.id {
		out[i] = dialect.Ident(m.columns[m.field(id)])
	}
	return out
}

// findDuplicate looks for the first repeated id, since equal hashes do not prove one.
func (w *writer) findDuplicate() error {
	ids := strings.Join(w.m.idColumns(), ", ")
	rows, err := w.c.rows(w.ctx, fmt.Sprintf(`SELECT min(n), (list(n ORDER BY n))[2] FROM (
		SELECT %s, row_number() OVER () - 1 AS n FROM %s WHERE metaxy_commit = %d) GROUP BY %s HAVING count(*) > 1 ORDER BY 2 LIMIT 1`,
		ids, w.m.table(), w.seq, ids))
	if err != nil || len(rows) == 0 {
		return err
	}
	var first, again int64
	if err := scan(rows[0], &first, &again); err != nil {
		return err
	}
	return core.DuplicateError(first, again)
}

// supersede ends the rows that the new ones replace. It gives their number, and how many of them were no tombstones.
func (w *writer) supersede() (ended, live int64, err error) {
	m := w.m
	if m.total == m.superseded || w.rows == 0 {
		return 0, 0, nil
	}
	conditions := make([]string, len(m.id))
	for i, id := range m.idColumns() {
		conditions[i] = "t." + id + " = n." + id
	}
	ended, err = w.c.exec(w.ctx, fmt.Sprintf(
		"UPDATE %[1]s AS t SET metaxy_until = %[2]d FROM (SELECT %[3]s FROM %[1]s WHERE metaxy_commit = %[2]d) AS n WHERE %[4]s AND t.metaxy_until IS NULL AND t.metaxy_commit < %[2]d",
		m.table(), w.seq, strings.Join(m.idColumns(), ", "), strings.Join(conditions, " AND ")))
	if err != nil || ended == 0 || m.tombstones == 0 {
		return ended, ended, err
	}
	rows, err := w.c.rows(w.ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE metaxy_until = %d AND metaxy_deleted", m.table(), w.seq))
	if err != nil {
		return 0, 0, err
	}
	var dead int64
	err = scan(rows[0], &dead)
	return ended, ended - dead, err
}
