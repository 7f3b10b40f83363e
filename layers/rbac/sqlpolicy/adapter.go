package sqlpolicy

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/casbin/casbin/v2/model"

	"github.com/metaxy-go/metaxy/core"
)

// width is the number of columns that hold a rule's fields.
const width = 6

// line is a rule: its kind and its fields.
type line [1 + width]string

const columns = "ptype, v0, v1, v2, v3, v4, v5"

func lineOf(kind string, fields []string) (line, error) {
	l := line{kind}
	if len(fields) > width || kind == "" {
		return l, fmt.Errorf("%w: sqlpolicy: a rule of kind %q with %d fields", core.ErrInvalid, kind, len(fields))
	}
	copy(l[1:], fields)
	return l, nil
}

func linesOf(kind string, rules [][]string) ([]line, error) {
	out := make([]line, len(rules))
	for i, fields := range rules {
		var err error
		if out[i], err = lineOf(kind, fields); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// begin gives the database and a context that ends with Close or the timeout.
func (a *Adapter) begin() (ctx context.Context, done context.CancelFunc, db *sql.DB, generation int, err error) {
	ctx, done = context.WithTimeout(a.ctx, a.h.o.timeout)
	if db, generation, err = a.h.get(ctx); err != nil {
		done()
	}
	return ctx, done, db, generation, err
}

// Version is another text when the rules may have changed, whoever changed them.
func (a *Adapter) Version() (string, error) {
	ctx, done, db, generation, err := a.begin()
	if err != nil {
		return "", err
	}
	defer done()
	_, changes, err := state(ctx, db, latest)
	if err != nil {
		return "", fault(err)
	}
	return version(generation, changes), nil
}

func version(generation int, changes int64) string {
	return strconv.Itoa(generation) + "." + strconv.FormatInt(changes, 10)
}

// LoadPolicy reads the rules into casbin's model. What the model has no place
// for is core.ErrInvalid: nothing is skipped.
func (a *Adapter) LoadPolicy(m model.Model) error {
	ctx, done, db, _, err := a.begin()
	if err != nil {
		return err
	}
	defer done()
	rows, err := db.QueryContext(ctx, "SELECT id, "+columns+" FROM metaxy_policy ORDER BY id")
	if err != nil {
		return fault(err)
	}
	defer func() { _ = rows.Close() }()
	seen := map[line]bool{}
	for rows.Next() {
		var id int64
		var l line
		if err := rows.Scan(&id, &l[0], &l[1], &l[2], &l[3], &l[4], &l[5], &l[6]); err != nil {
			return fault(err)
		}
		if seen[l] { // nothing keeps another program from writing a rule twice
			continue
		}
		seen[l] = true
		kind := l[0]
		if !strings.HasPrefix(kind, "p") && !strings.HasPrefix(kind, "g") || m[kind[:1]][kind] == nil {
			return fmt.Errorf("%w: sqlpolicy: row %d of metaxy_policy: a rule of kind %q", core.ErrInvalid, id, kind)
		}
		if err := m.AddPolicy(kind[:1], kind, l[1:]); err != nil {
			return fmt.Errorf("%w: sqlpolicy: row %d of metaxy_policy: %w", core.ErrInvalid, id, err)
		}
	}
	return fault(rows.Err())
}

// Change is rbac.Changer's.
func (a *Adapter) Change(since string, rules [][]string, add bool) (string, error) {
	lines := make([]line, len(rules))
	for i, r := range rules {
		if len(r) == 0 {
			return "", fmt.Errorf("%w: sqlpolicy: an empty rule", core.ErrInvalid)
		}
		var err error
		if lines[i], err = lineOf(r[0], r[1:]); err != nil {
			return "", err
		}
	}
	return a.change(func(now string) error {
		if now != since {
			return fmt.Errorf("%w: sqlpolicy: somebody else changed the rules", core.ErrConflict)
		}
		return nil
	}, a.storing(lines, add))
}

func (a *Adapter) storing(lines []line, add bool) func(context.Context, *sql.Tx) error {
	if add {
		return func(ctx context.Context, tx *sql.Tx) error { return a.insert(ctx, tx, lines) }
	}
	return func(ctx context.Context, tx *sql.Tx) error { return a.remove(ctx, tx, lines) }
}

// change runs one transaction that no other change overlaps, if agree is
// content with the version that it finds.
func (a *Adapter) change(agree func(now string) error, do func(context.Context, *sql.Tx) error) (string, error) {
	if a.h.o.readOnly {
		return "", fmt.Errorf("%w: sqlpolicy: the rules were opened for reading", core.ErrReadOnly)
	}
	ctx, done, db, generation, err := a.begin()
	if err != nil {
		return "", err
	}
	defer done()
	after := ""
	err = within(ctx, db, a.h.kind, changing, func(tx *sql.Tx) error {
		_, changes, err := state(ctx, tx, latest)
		if err != nil {
			return err
		}
		if err := agree(version(generation, changes)); err != nil {
			return err
		}
		if err := do(ctx, tx); err != nil {
			return err
		}
		_, changes, err = state(ctx, tx, latest)
		after = version(generation, changes)
		return err
	})
	return after, fault(err)
}

// most is how many rules one statement has: few enough for every database's
// limit of parameters.
const most = 200

// each calls f with a statement's rules and its parameters.
func each(lines []line, f func(n int, args []any) error) error {
	for len(lines) > 0 {
		n := min(len(lines), most)
		args := make([]any, 0, n*len(line{}))
		for _, l := range lines[:n] {
			for _, field := range l {
				args = append(args, field)
			}
		}
		if err := f(n, args); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

func (a *Adapter) insert(ctx context.Context, tx *sql.Tx, lines []line) error {
	return each(lines, func(n int, args []any) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO metaxy_policy ("+columns+") VALUES "+a.h.kind.places(n, len(line{})), args...)
		return err
	})
}

func (a *Adapter) remove(ctx context.Context, tx *sql.Tx, lines []line) error {
	return each(lines, func(n int, args []any) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM metaxy_policy WHERE ("+columns+") IN (VALUES "+a.h.kind.places(n, len(line{}))+")", args...)
		return err
	})
}

// whatever is content with every version.
func whatever(string) error { return nil }

// AddPolicies adds rules of one kind, those that are not there.
func (a *Adapter) AddPolicies(_, kind string, rules [][]string) error {
	lines, err := linesOf(kind, rules)
	if err != nil {
		return err
	}
	_, err = a.change(whatever, func(ctx context.Context, tx *sql.Tx) error {
		if err := a.remove(ctx, tx, lines); err != nil {
			return err
		}
		return a.insert(ctx, tx, lines)
	})
	return err
}

// RemovePolicies drops rules of one kind.
func (a *Adapter) RemovePolicies(_, kind string, rules [][]string) error {
	lines, err := linesOf(kind, rules)
	if err != nil {
		return err
	}
	_, err = a.change(whatever, a.storing(lines, false))
	return err
}

// AddPolicy adds a rule.
func (a *Adapter) AddPolicy(section, kind string, rule []string) error {
	return a.AddPolicies(section, kind, [][]string{rule})
}

// RemovePolicy drops a rule.
func (a *Adapter) RemovePolicy(section, kind string, rule []string) error {
	return a.RemovePolicies(section, kind, [][]string{rule})
}

// RemoveFilteredPolicy drops the rules of a kind whose fields, from one on, are
// those given; "" stands for any.
func (a *Adapter) RemoveFilteredPolicy(_, kind string, from int, values ...string) error {
	if kind == "" || from < 0 || from+len(values) > width {
		return fmt.Errorf("%w: sqlpolicy: fields %d to %d of a rule of kind %q", core.ErrInvalid, from, from+len(values), kind)
	}
	where, args := []string{"ptype = " + a.h.kind.place(1)}, []any{kind}
	for i, v := range values {
		if v != "" {
			args = append(args, v)
			where = append(where, "v"+strconv.Itoa(from+i)+" = "+a.h.kind.place(len(args)))
		}
	}
	_, err := a.change(whatever, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM metaxy_policy WHERE "+strings.Join(where, " AND "), args...)
		return err
	})
	return err
}

// SavePolicy replaces all rules by those of casbin's model, which is how a whole
// policy is brought here.
func (a *Adapter) SavePolicy(m model.Model) error {
	var lines []line
	for _, section := range []string{"p", "g"} {
		for kind, assertion := range m[section] {
			more, err := linesOf(kind, assertion.Policy)
			if err != nil {
				return err
			}
			lines = append(lines, more...)
		}
	}
	_, err := a.change(whatever, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM metaxy_policy"); err != nil {
			return err
		}
		return a.insert(ctx, tx, lines)
	})
	return err
}
