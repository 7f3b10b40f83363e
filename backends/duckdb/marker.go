//go:build cgo && duckdb_arrow

package duckdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/version"
)

// A marker says what a resolve of a feature found: when every table stood at a certain commit, all samples but the outstanding ones were
// unchanged. It stays true whatever is written later. The next resolve looks at the outstanding samples and at those that a later commit
// touches, and knows the rest; see quick.go.
type marker struct {
	plan        string  // planDigest
	at          []point // the feature itself, then its upstreams in the order of the plan
	held        int64   // samples held, or their parents where the plan expands
	outstanding int64   // rows of the table of outstanding ids, which is not there for 0
}

// point is where a table stood. A feature that held nothing stood at 0.
type point struct {
	Key    core.FeatureKey `json:"key"`
	Seq    int64           `json:"seq"`
	Schema int             `json:"schema"`
	Commit string          `json:"commit"` // commitDigest of Seq, so that another log with as many commits is not mistaken for this one
}

// markerTable is made with the database, or with the first marker in one that an older program made.
const markerTable = `
CREATE TABLE IF NOT EXISTS metaxy.markers (
	key VARCHAR PRIMARY KEY,
	plan VARCHAR NOT NULL,            -- digest of the plan
	points VARCHAR NOT NULL,          -- JSON: the last commit of each table
	held BIGINT NOT NULL,
	outstanding BIGINT NOT NULL       -- rows of the table outstanding/<key> of this schema
);
`

// commitDigest tells commits apart, in SQL over metaxy.commits.
const commitDigest = "sha256(concat(id, '/', fingerprint, '/', epoch_us(time)))"

// outstandingTable is the quoted name of a feature's table of outstanding ids. Its columns are those of [candidate].
func outstandingTable(key core.FeatureKey) string {
	return "metaxy." + dialect.Ident("outstanding/"+string(key))
}

// planDigest covers all of a plan that an answer depends on. Two different texts are never printed alike by %q.
func planDigest(p *core.Plan) string {
	h := sha256.New()
	fmt.Fprintf(h, "1 %q %q %q %q\n", version.SHA256.Name(), p.Key(), p.Feature.ID, p.ResolveKey)
	for _, c := range p.Containers {
		fmt.Fprintf(h, "container %q %q", c.Name, c.Code)
		for _, in := range c.Inputs {
			fmt.Fprintf(h, " %q %q", in.Feature, in.Container)
		}
		fmt.Fprintln(h)
	}
	for _, u := range p.Upstream {
		filter := ""
		if u.Filter != nil {
			filter = u.Filter.String()
		}
		fmt.Fprintf(h, "upstream %q %d %t %q %q %q %q\n", u.Feature, u.Lineage, u.Optional, u.ID, u.Key, u.Rename, filter)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// loadMarker gives the marker of the feature if it is one of this plan and of the tables as they are or were; nil if not.
func (r *resolver) loadMarker(ctx context.Context, c *conn) (*marker, error) {
	rows, err := c.rows(ctx, "SELECT plan, points, held, outstanding FROM metaxy.markers WHERE key = ?", string(r.plan.Key()))
	if isMissing(err) || err == nil && len(rows) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &marker{}
	var at string
	if err := scan(rows[0], &m.plan, &at, &m.held, &m.outstanding); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(at), &m.at); err != nil {
		return nil, fmt.Errorf("%w: the marker of feature %s: %w", core.ErrIntegrity, r.plan.Key(), err)
	}
	if m.plan != planDigest(r.plan) || !slices.EqualFunc(m.at, r.points(), func(then, now point) bool {
		return then.Key == now.Key && then.Schema == now.Schema && then.Seq <= now.Seq
	}) {
		return nil, nil
	}
	return m, nil
}

// points is where the tables stand now, without the digests.
func (r *resolver) points() []point {
	at := func(key core.FeatureKey, m *meta) point {
		if m == nil {
			return point{Key: key}
		}
		return point{Key: key, Seq: m.generation, Schema: m.schemaVersion}
	}
	out := []point{at(r.plan.Key(), r.held)}
	for i, u := range r.plan.Upstream {
		out = append(out, at(u.Feature, r.metas[i]))
	}
	return out
}

// tails counts for each table the rows that came after a point. It is not ok when the log says something else about a point than the
// marker does.
func tails(ctx context.Context, c *conn, points []point) (rows []int64, ok bool, err error) {
	all, err := c.rows(ctx, "SELECT p.i::INTEGER, coalesce(sum(l.rows) FILTER (WHERE l.seq > p.seq), 0)::BIGINT, coalesce(max("+commitDigest+
		") FILTER (WHERE l.seq = p.seq), '') FROM "+listPoints(points)+" LEFT JOIN metaxy.commits l ON l.key = p.key AND l.seq >= p.seq GROUP BY p.i")
	if err != nil {
		return nil, false, err
	}
	rows = make([]int64, len(points))
	for _, row := range all {
		var i int32
		var n int64
		var digest string
		if err := scan(row, &i, &n, &digest); err != nil {
			return nil, false, err
		}
		rows[i] = n
		if digest == "" && points[i].Seq > 0 || digest != points[i].Commit {
			return nil, false, nil
		}
	}
	return rows, true, nil
}

// identify fills in the digests of points.
func identify(ctx context.Context, c *conn, points []point) error {
	all, err := c.rows(ctx, "SELECT p.i::INTEGER, "+commitDigest+" FROM "+listPoints(points)+" JOIN metaxy.commits l ON l.key = p.key AND l.seq = p.seq")
	if err != nil {
		return err
	}
	for _, row := range all {
		var i int32
		var digest string
		if err := scan(row, &i, &digest); err != nil {
			return err
		}
		points[i].Commit = digest
	}
	for _, p := range points {
		if p.Seq > 0 && p.Commit == "" {
			return fmt.Errorf("%w: commit %d of feature %s is not in the log", core.ErrIntegrity, p.Seq, p.Key)
		}
	}
	return nil
}

// listPoints writes points as a table p of i, key and seq.
func listPoints(points []point) string {
	values := make([]string, len(points))
	for i, p := range points {
		values[i] = fmt.Sprintf("(%d, %s, %d)", i, dialect.Text(string(p.Key)), p.Seq)
	}
	return "(VALUES " + strings.Join(values, ", ") + ") AS p(i, key, seq)"
}

// complete holds the table of outstanding ids against its marker: after another
// program's doing, an id less would be a sample forgotten.
func (r *resolver) complete(ctx context.Context, c *conn, m *marker) error {
	rows, err := c.rows(ctx, "SELECT count(*) FROM "+outstandingTable(r.plan.Key()))
	if err != nil {
		return err
	}
	var n int64
	if err := scan(rows[0], &n); err != nil {
		return err
	}
	if n != m.outstanding {
		return fmt.Errorf("%w: %d of %d outstanding ids are there", core.ErrIntegrity, n, m.outstanding)
	}
	return nil
}
