package rbac

import (
	"encoding/csv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// Rule is one line of a policy. Make it with [Permit], [Forbid], [Protect],
// [Restrict] and [Member], or read it with [ParseRule].
type Rule struct {
	kind   kind
	fields []string
}

// kind is casbin's name of a kind of rule.
type kind string

const (
	permission kind = "p"  // subject, feature pattern, action, effect
	column     kind = "p2" // subject, feature pattern, column pattern, show
	row        kind = "p3" // subject, feature pattern, filter
	member     kind = "g"  // subject, role
)

// widths are the numbers of fields.
func (k kind) width() int {
	switch k {
	case permission, column:
		return 4
	case row:
		return 3
	case member:
		return 2
	}
	return -1
}

// Everyone is the subject that stands for every identity.
const Everyone = "*"

// Actions beside the names of core.Op. ActionAll stands for every operation on
// data; ActionAdmin, which it does not include, for changes of the policy.
const (
	ActionAll   = "*"
	ActionAdmin = "admin"
)

// Show says how a column is shown. The later ones show less.
type Show uint8

// The ways to show a column.
const (
	ShowRead  Show = iota // as it is
	ShowLast4             // "****" and the last four characters of a text of eight or more
	ShowHash              // a keyed hash: equal values of one column stay equal
	ShowNull              // null
	ShowHide              // not at all: as if the feature had no such column
	endOfShow
)

var showNames = [endOfShow]string{ShowRead: "read", ShowLast4: "last4", ShowHash: "hash", ShowNull: "null", ShowHide: "hide"}

// String gives the name that policies use.
func (s Show) String() string {
	if s < endOfShow {
		return showNames[s]
	}
	return "unknown"
}

func parseShow(text string) (Show, bool) {
	for s := range endOfShow {
		if showNames[s] == text {
			return s, true
		}
	}
	return 0, false
}

// Permit allows a subject an action (the name of a core.Op, ActionAll or
// ActionAdmin) on the features that match a pattern.
func Permit(subject, features, action string) Rule {
	return Rule{permission, []string{subject, features, action, Allow}}
}

// Forbid denies what Permit allows; a denial always wins.
func Forbid(subject, features, action string) Rule {
	return Rule{permission, []string{subject, features, action, Deny}}
}

// Protect says how a subject is shown the columns that match a pattern: a name,
// or the beginning of names and "*". Rules for Everyone hold where no other
// rule for the column does; of several others the one that shows least wins. A
// field within a column, "a.b", is protected with all of it.
func Protect(subject, features, columns string, show Show) Rule {
	return Rule{column, []string{subject, features, columns, show.String()}}
}

// Restrict limits a subject to the rows for which the filter is true. Of
// several such rules one must be.
func Restrict(subject, features, filter string) Rule {
	return Rule{row, []string{subject, features, filter}}
}

// Member gives a user, service, group or role all that a role has.
func Member(subject, role string) Rule { return Rule{member, []string{subject, role}} }

// Subject is whom the rule is about.
func (r Rule) Subject() string { return r.field(0) }

// Feature is the pattern of the features that the rule is about, "" for a Member.
func (r Rule) Feature() string {
	if r.kind == member {
		return ""
	}
	return r.field(1)
}

func (r Rule) field(i int) string {
	if i < len(r.fields) {
		return r.fields[i]
	}
	return ""
}

// String prints the rule as a line of a policy file, which ParseRule reads back.
func (r Rule) String() string {
	var b strings.Builder
	b.WriteString(string(r.kind))
	for _, f := range r.fields {
		b.WriteString(", ")
		if strings.ContainsAny(f, ",\"\r\n") || f != strings.TrimSpace(f) || f == "" {
			f = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
		}
		b.WriteString(f)
	}
	return b.String()
}

// Equal reports whether both are the same rule.
func (r Rule) Equal(o Rule) bool { return r.kind == o.kind && slices.Equal(r.fields, o.fields) }

// ParseRule reads a line of a policy: comma-separated values, in double quotes
// where they hold a comma or a quote.
func ParseRule(line string) (Rule, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.TrimLeadingSpace = true
	fields, err := r.Read()
	if err != nil {
		return Rule{}, invalidf("a policy line that is no comma-separated values")
	}
	if _, err := r.Read(); err == nil {
		return Rule{}, invalidf("a policy line that holds several")
	}
	rule := Rule{kind: kind(strings.TrimSpace(fields[0])), fields: fields[1:]}
	for i := range rule.fields {
		rule.fields[i] = strings.TrimSpace(rule.fields[i])
	}
	return rule, rule.Check()
}

// Check reports what is wrong with a rule; it matches core.ErrInvalid.
func (r Rule) Check() error {
	switch n := r.kind.width(); {
	case n < 0 && len(r.kind) > 3:
		return invalidf("a rule begins with its kind: p, p2, p3 or g") // this may be no policy at all: nothing of it is shown
	case n < 0:
		return invalidf("a rule of kind %q: want p, p2, p3 or g", string(r.kind))
	case n != len(r.fields):
		return invalidf("a rule of kind %s has %d fields, want %d", r.kind, len(r.fields), n)
	}
	if err := checkSubject(r.Subject(), r.kind != member); err != nil {
		return err
	}
	if r.kind == member {
		if identity.Kind(r.fields[1]) != identity.Role {
			return invalidf("member of %q: want a role, such as role:reader", r.fields[1])
		}
		return checkSubject(r.fields[1], false)
	}
	if err := checkFeaturePattern(r.Feature()); err != nil {
		return err
	}
	switch r.kind {
	case permission:
		return r.checkPermission()
	case column:
		if _, ok := parseShow(r.fields[3]); !ok {
			return invalidf("show %q: want read, last4, hash, null or hide", r.fields[3])
		}
		return checkColumnPattern(r.fields[2])
	case row:
		if err := checkText("filter", r.fields[2]); err != nil {
			return err
		}
		e, err := expr.Parse(r.fields[2])
		if err != nil {
			return invalidf("the filter of a rule for %s: %w", r.Subject(), err)
		}
		if e == nil {
			return invalidf("a row rule without a filter: write TRUE for every row")
		}
		return nil
	case member:
	}
	return nil
}

func (r Rule) checkPermission() error {
	if maskOf(r.fields[2]) == 0 {
		return invalidf("action %q: want the name of an operation, * or admin", r.fields[2])
	}
	if e := r.fields[3]; e != Allow && e != Deny {
		return invalidf("effect %q: want allow or deny", e)
	}
	return nil
}

// actions is a set of actions: a bit for each core.Op, and bit 0 for admin.
type actions uint16

const admin actions = 1

func actionOf(op core.Op) actions { return 1 << op }

// maskOf gives the set that a policy's word stands for, 0 for an unknown one.
func maskOf(action string) actions {
	switch action {
	case ActionAdmin:
		return admin
	case ActionAll:
		var all actions
		for op := range core.Ops() {
			all |= actionOf(op)
		}
		return all
	}
	if op, ok := core.ParseOp(action); ok && op != core.OpClose {
		return actionOf(op)
	}
	return 0
}

// checkSubject wants a name in its namespace, so that no user is ever taken
// for a role.
func checkSubject(s string, everyone bool) error {
	if s == Everyone {
		if everyone {
			return nil
		}
		return invalidf("%q is no member: write the rule for %q instead", s, s)
	}
	if !identity.ValidName(s) {
		return invalidf("subject %q: want user:, service:, group: or role: and a name", clip(s))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// checkText refuses what could break out of a line or a log.
func checkText(what, s string) error {
	if len(s) > 16<<10 {
		return invalidf("a %s of %d bytes", what, len(s))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalidf("a %s with control characters", what)
	}
	return nil
}
