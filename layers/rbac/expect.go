package rbac

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Expectation is one line of a table of expected decisions: a test of a policy
// that its authors can read.
type Expectation struct {
	Line     int      // where it stands, 0 when it stands nowhere
	Identity string   // a user or service; or a role or group, for what it gives by itself
	Groups   []string // of the user or service
	Action   string   // the name of a core.Op, or ActionAdmin
	Feature  core.FeatureKey

	// Columns are those of the request. A name means that the column is shown
	// as it is, "email: hash" how else. For Deny a name is enough: a request is
	// denied, too, when one of its columns is hidden.
	Columns []string
	Expect  string // Allow or Deny
	Rows    string // which rows there are, as a filter; "TRUE" is all of them, "" anything
}

// Unmet is an expectation that a policy does not meet.
type Unmet struct {
	Expectation
	Decision Decision // what the policy says
	Why      string   // such as "allowed by p, role:analyst, video/**, read, allow"
}

// String prints as "line 7: user:bob read video/raw: want deny: allowed by …".
func (u Unmet) String() string {
	where := ""
	if u.Line > 0 {
		where = fmt.Sprintf("line %d: ", u.Line)
	}
	return fmt.Sprintf("%s%s %s %s: want %s: %s", where, printable(u.Identity), printable(u.Action), printable(string(u.Feature)), printable(u.Expect), u.Why)
}

// Unmet lists the expectations that the policy does not meet, in their order.
// One that makes no sense, or names a role or group of which no rule speaks, is
// not met.
func (p *Policy) Unmet(table []Expectation) []Unmet {
	x := p.now.Load()
	var out []Unmet
	for _, e := range table {
		if err := e.Check(); err != nil {
			out = append(out, Unmet{Expectation: e, Why: err.Error()})
			continue
		}
		id := identity.Identity{Name: e.Identity, Groups: e.Groups}
		a, d := x.access(id, e.Feature), x.decide(id, maskOf(e.Action), e.Feature)
		if why := x.unmet(e, a, d); why != "" {
			out = append(out, Unmet{Expectation: e, Decision: d, Why: why})
		}
	}
	return out
}

// Check reports what is wrong with an expectation; it matches core.ErrInvalid.
func (e Expectation) Check() error {
	id := identity.Identity{Name: e.Identity, Groups: e.Groups}
	if k := identity.Kind(e.Identity); k == identity.Role || k == identity.Group {
		if id.Name = "user:x"; len(e.Groups) > 0 {
			return invalidf("%s with groups: only a user or service has some", clip(e.Identity))
		}
		if err := checkSubject(e.Identity, false); err != nil {
			return err
		}
	}
	if err := id.Check(); err != nil {
		return invalidf("identity %q: want user:, service:, group: or role: and a name, and groups that are group: and a name", clip(e.Identity))
	}
	if e.Action == ActionAll || maskOf(e.Action) == 0 {
		return invalidf("op %q: want the name of an operation, or admin%s", clip(e.Action), nearestAction(e.Action))
	}
	if err := e.Feature.Validate(); err != nil {
		return err
	}
	if e.Expect != Allow && e.Expect != Deny {
		return invalidf("expect %q: want allow or deny", clip(e.Expect))
	}
	for _, c := range e.Columns {
		if err := e.checkColumn(c); err != nil {
			return err
		}
	}
	return e.checkRows()
}

func (e Expectation) checkColumn(text string) error {
	name, show, shown := strings.Cut(text, ":")
	if name = strings.TrimSpace(name); name == "" || strings.Contains(name, "*") {
		return invalidf("column %q: want a name, or a name and how it is shown, such as email: hash", clip(text))
	}
	if !shown {
		return checkText("column", name)
	}
	if e.Expect == Deny {
		return invalidf("column %q: where a denial is expected a name is enough", clip(text))
	}
	if _, ok := parseShow(strings.TrimSpace(show)); !ok {
		return invalidf("column %q: want read, last4, hash, null or hide after the colon", clip(text))
	}
	return checkText("column", name)
}

func (e Expectation) checkRows() error {
	switch {
	case e.Rows == "":
		return nil
	case e.Expect == Deny:
		return invalidf("rows: where a denial is expected there are none")
	}
	if err := checkText("filter", e.Rows); err != nil {
		return err
	}
	if _, err := expr.Parse(e.Rows); err != nil {
		return invalidf("rows: %w", err)
	}
	return nil
}

func nearestAction(word string) string {
	names := []string{ActionAdmin}
	for op := range core.Ops() {
		names = append(names, op.String())
	}
	if near, ok := expr.Nearest(word, names); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// unmet says why a decision is not the expected one, or "".
func (x *index) unmet(e Expectation, a access, d Decision) string {
	for _, name := range append([]string{e.Identity}, e.Groups...) {
		if k := identity.Kind(name); (k == identity.Role || k == identity.Group) && x.subjects[name] == nil {
			return "no rule names " + name
		}
	}
	if e.Expect == Deny {
		if !d.Allowed || slices.ContainsFunc(e.Columns, func(c string) bool { return a.show(strings.TrimSpace(c)) == ShowHide }) {
			return ""
		}
		return "allowed by " + d.Reason
	}
	if !d.Allowed {
		return d.denial()
	}
	var why []string
	for _, c := range e.Columns {
		name, word, _ := strings.Cut(c, ":")
		name, want := strings.TrimSpace(name), ShowRead
		if word = strings.TrimSpace(word); word != "" {
			want, _ = parseShow(word)
		}
		if got := a.show(name); got != want {
			why = append(why, fmt.Sprintf("column %s is %s, want %s", name, got, want))
		}
	}
	if e.Rows != "" {
		if want := canonicalRows(e.Rows); want != d.Rows {
			why = append(why, fmt.Sprintf("the rows are %s, want %s", allWhen(d.Rows), allWhen(want)))
		}
	}
	return strings.Join(why, "; ")
}

// denial says why not.
func (d Decision) denial() string {
	if len(d.Via) > 0 {
		return "denied by " + d.Reason
	}
	return d.Reason
}

// canonicalRows is a filter as Decision.Rows has it.
func canonicalRows(text string) string {
	e, err := expr.Parse(text)
	if err != nil {
		return ""
	}
	if e = expr.Canonical(e); e == nil {
		return "" // every row
	}
	return e.String()
}

func allWhen(rows string) string {
	if rows == "" {
		return "all"
	}
	return rows
}
