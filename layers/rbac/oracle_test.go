package rbac_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

// oracle says what a policy means, in the plainest way: rules as text, patterns
// as regular expressions, rows as Go values.
type oracle struct{ lines [][]string }

func (o *oracle) text() string {
	var b strings.Builder
	for _, l := range o.lines {
		b.WriteString(strings.Join(l, ", ") + "\n")
	}
	return b.String()
}

func (o *oracle) identities() []identity.Identity {
	return []identity.Identity{
		{Name: "user:u0"},
		{Name: "user:u1"},
		{Name: "user:u2", Groups: []string{"group:g0"}},
		{Name: "user:unknown"},
		{Name: "service:s0", Groups: []string{"group:g0", "group:unknown"}},
	}
}

// rowPredicates are row rules with what they mean.
var rowPredicates = map[string]func(row []any) bool{
	"region = 'us'":                    func(r []any) bool { return r[1] == "us" },
	"region <> 'us'":                   func(r []any) bool { return r[1] != nil && r[1] != "us" },
	"region IS NULL":                   func(r []any) bool { return r[1] == nil },
	"size >= 3 AND size < 6":           func(r []any) bool { return r[2].(int) >= 3 && r[2].(int) < 6 },
	"secret LIKE '%-0001'":             func(r []any) bool { return strings.HasSuffix(r[3].(string), "-0001") },
	"sample_id IN ('s0'; 's1'; 'new')": func(r []any) bool { return slices.Contains([]any{"s0", "s1", "new"}, r[0]) },
	"TRUE":                             func([]any) bool { return true },
	"FALSE":                            func([]any) bool { return false },
}

func randomOracle(r *rand.Rand) *oracle {
	o := &oracle{}
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	subject := func() string {
		return pick("user:u0", "user:u1", "role:r0", "role:r1", "role:r2", "group:g0", "service:s0", "*")
	}
	pattern := func() string { return pick("**", "**", "a/*", "a/**", "a/x", "b/*", "*/x", "down/*", "*/*") }
	add := func(fields ...string) { o.lines = append(o.lines, fields) }
	for range 4 + r.IntN(10) {
		add("p", subject(), pattern(), pick("read", "read", "write", "resolve", "list", "stat", "evolve", "*", "*", "admin"), pick("allow", "allow", "allow", "allow", "deny"))
	}
	for range r.IntN(5) {
		add("p2", subject(), pattern(), pick("secret", "secret", "region", "s*", "secret.x", "size", "*", "data_version", "sample_id"), pick("read", "read", "hide", "null", "hash", "last4"))
	}
	var filters []string
	for f := range rowPredicates {
		filters = append(filters, f)
	}
	slices.Sort(filters)
	for range r.IntN(4) {
		f := pick(filters...)
		if strings.Contains(f, ";") {
			f = `"` + strings.ReplaceAll(f, ";", ",") + `"`
		}
		add("p3", subject(), pattern(), f)
	}
	for range 2 + r.IntN(4) {
		add("g", pick("user:u0", "user:u1", "user:u2", "group:g0", "service:s0"), pick("role:r0", "role:r1", "role:r2"))
	}
	add("g", "role:r0", "role:r1")
	return o
}

// subjects is everybody that an identity is, by following the g lines until
// nothing new comes.
func (o *oracle) subjects(id identity.Identity) map[string]bool {
	is := map[string]bool{"*": true, id.Name: true}
	for _, g := range id.Groups {
		is[g] = true
	}
	for more := true; more; {
		more = false
		for _, l := range o.lines {
			if l[0] == "g" && is[l[1]] && !is[l[2]] {
				is[l[2]], more = true, true
			}
		}
	}
	return is
}

func glob(pattern, text string) bool {
	re := regexp.QuoteMeta(pattern)
	re = strings.ReplaceAll(re, `\*\*`, `.+`)
	re = strings.ReplaceAll(re, `\*`, `[^/]+`)
	return regexp.MustCompile(`^` + re + `$`).MatchString(text)
}

func (o *oracle) rules(kind string, id identity.Identity, key core.FeatureKey) [][]string {
	is := o.subjects(id)
	var out [][]string
	for _, l := range o.lines {
		if l[0] == kind && is[l[1]] && glob(l[2], string(key)) {
			out = append(out, l)
		}
	}
	return out
}

func (o *oracle) may(id identity.Identity, key core.FeatureKey, act string) bool {
	ok := false
	for _, l := range o.rules("p", id, key) {
		if l[3] == act || l[3] == "*" {
			if l[4] == "deny" {
				return false
			}
			ok = true
		}
	}
	return ok
}

func (o *oracle) administers(id identity.Identity, key core.FeatureKey) bool {
	ok := false
	for _, l := range o.rules("p", id, key) {
		if l[3] == "admin" {
			ok = true
			if l[4] == "deny" {
				return false
			}
		}
	}
	return ok
}

// inRowRule: somebody's row rule names the column.
func (o *oracle) inRowRule(key core.FeatureKey, column string) bool {
	return slices.ContainsFunc(o.lines, func(l []string) bool {
		return l[0] == "p3" && glob(l[2], string(key)) && strings.Contains(l[3], column)
	})
}

// losesRule: somebody's rule keeps the column, and the two names are under
// different rules.
func (o *oracle) losesRule(key core.FeatureKey, from, to string) bool {
	kept, differ := false, false
	for _, l := range o.lines {
		if l[0] != "p2" || !glob(l[2], string(key)) {
			continue
		}
		is := func(name string) bool { return glob(l[3], name) || strings.HasPrefix(l[3], name+".") }
		kept = kept || is(from) && l[4] != "read"
		differ = differ || is(from) != is(to)
	}
	return kept && differ
}

func (o *oracle) mayAnywhere(id identity.Identity, act string) bool {
	is := o.subjects(id)
	return slices.ContainsFunc(o.lines, func(l []string) bool {
		return l[0] == "p" && is[l[1]] && (l[3] == act || l[3] == "*") && l[4] == "allow"
	})
}

// shown: the strictest rule for somebody in particular, else the strictest for
// everyone, else as it is.
func (o *oracle) shown(id identity.Identity, key core.FeatureKey, column string) string {
	order := []string{"read", "last4", "hash", "null", "hide"}
	named, everyone, field := -1, 0, 0
	for _, l := range o.rules("p2", id, key) {
		at := slices.Index(order, l[4])
		if strings.HasPrefix(l[3], column+".") { // about a part of it, so about all of it
			if l[1] == "*" {
				everyone = max(everyone, at)
			} else {
				field = max(field, at)
			}
			continue
		}
		if l[3] != column && (!strings.HasSuffix(l[3], "*") || !strings.HasPrefix(column, strings.TrimSuffix(l[3], "*"))) {
			continue
		}
		if l[1] == "*" {
			everyone = max(everyone, at)
		} else {
			named = max(named, at)
		}
	}
	if named >= 0 {
		return order[max(named, field)]
	}
	return order[max(everyone, field)]
}

func (o *oracle) rowSeen(id identity.Identity, key core.FeatureKey, row []any) bool {
	rules := o.rules("p3", id, key)
	for _, l := range rules {
		if rowPredicates[strings.ReplaceAll(strings.Trim(l[3], `"`), ",", ";")](row) {
			return true
		}
	}
	return len(rules) == 0
}

// limited: there is a row rule, and none that lets everything through.
func (o *oracle) limited(id identity.Identity, key core.FeatureKey) bool {
	rules := o.rules("p3", id, key)
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(l []string) bool { return l[3] == "TRUE" })
}

// knownByID: the row rules say of an id alone that it is not the identity's.
func (o *oracle) knownByID(id identity.Identity, key core.FeatureKey) bool {
	return o.limited(id, key) && !slices.ContainsFunc(o.rules("p3", id, key), func(l []string) bool {
		return l[3] != "FALSE" && !strings.Contains(l[3], "sample_id")
	})
}

// cell is a value as the identity sees it, as storetest prints it.
func (o *oracle) cell(id identity.Identity, key core.FeatureKey, column string, row []any) string {
	at := slices.Index(matrixColumns, column)
	v := row[at]
	if v == nil {
		return "null"
	}
	text, isText := v.(string)
	switch how := o.shown(id, key, column); {
	case how == "null", how == "last4" && !isText, how == "hash" && at == 4:
		return "null"
	case how == "last4":
		if len(text) < 8 {
			return `"****"`
		}
		return fmt.Sprintf("%q", "****"+text[len(text)-4:])
	case how == "hash":
		mac := hmac.New(sha256.New, []byte("a key for the matrix"))
		fmt.Fprintf(mac, "%d:%s%v", len(column), column, v)
		return fmt.Sprintf("%q", hex.EncodeToString(mac.Sum(nil)[:16]))
	case at == 4:
		return fmt.Sprintf("{default:%q}", v.([]any)[0])
	case isText:
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(v)
}

// visible lists the rows that an identity gets.
func (o *oracle) visible(id identity.Identity, key core.FeatureKey, columns []string, keep func([]any) bool) []string {
	if columns == nil {
		for _, c := range matrixColumns {
			if o.shown(id, key, c) != "hide" {
				columns = append(columns, c)
			}
		}
	}
	var out []string
	for i := range matrixRows {
		row := matrixRow(i)
		if !o.rowSeen(id, key, row) || !keep(row) {
			continue
		}
		var cells []string
		for _, c := range columns {
			cells = append(cells, c+"="+o.cell(id, key, c, row))
		}
		out = append(out, strings.Join(cells, " "))
	}
	return out
}
