// Package archtest holds the repository to its own layout: who may import whom,
// where heavy dependencies live, and what no file may contain.
//
// Each rule is a value with a name and a reason; its test prints the reason. An
// exemption is a map entry with a reason, and an entry that exempts nothing
// fails. The rules work on syntax and on the types of this repository alone:
// nothing is built, so they hold on a tree that does not compile yet.
package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Rule is one thing that must be true of the whole repository.
type Rule struct {
	Name  string
	Why   string
	Check func(*Tree) []Finding
	// Allow maps a finding's Key, or a folder with a slash at its end, to the
	// reason why it may stay.
	Allow map[string]string
}

// Finding is one breach.
type Finding struct {
	Key  string // what Allow would name: a path, or a path and a name
	Line int    // 0 when it is about the whole file
	Text string
}

// String prints as "path:line: text".
func (f Finding) String() string {
	at, _, _ := strings.Cut(f.Key, " ")
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, f.Line)
	}
	return at + ": " + f.Text
}

// Breaches gives what the rule finds and does not exempt, and the exemptions
// that nothing needs.
func (r Rule) Breaches(t *Tree) (found []Finding, unused []string) {
	used := map[string]bool{}
	for _, f := range r.Check(t) {
		key, ok := r.exemption(f.Key)
		if ok {
			used[key] = true
			continue
		}
		found = append(found, f)
	}
	for key := range r.Allow {
		if !used[key] {
			unused = append(unused, key)
		}
	}
	slices.Sort(unused)
	return found, unused
}

// exemption finds the entry for a key: the key itself, or a folder above it
// that is written with a slash at its end.
func (r Rule) exemption(key string) (string, bool) {
	if _, ok := r.Allow[key]; ok {
		return key, true
	}
	for at := path.Dir(key); at != "."; at = path.Dir(at) {
		if _, ok := r.Allow[at+"/"]; ok {
			return at + "/", true
		}
	}
	return "", false
}

// Rules lists every rule.
func Rules() []Rule {
	return []Rule{
		{Name: "Imports", Check: imports, Allow: allowImports, Why: "an arrow points down only: core knows nobody, a layer knows no other layer and no backend, and nobody knows a program"},
		{Name: "Dependencies", Check: dependencies, Allow: allowDependencies, Why: "a heavy dependency stays with who needs it, so that everybody else's go.mod stays small"},
		{Name: "Modules", Check: modules, Why: "go.work ties every module, and each finds its siblings in this tree"},
		{Name: "Init", Check: inits, Why: "importing a package does nothing: no registration, no global state"},
		{Name: "Globals", Check: globals, Allow: allowGlobals, Why: "two stores in one process share no mutable state"},
		{Name: "ProcessWide", Check: processWide, Why: "a library touches no process-wide registry; the caller passes the one to use"},
		{Name: "Embedding", Check: embedding, Allow: allowEmbedding, Why: "a layer that embeds a store passes a new method through in silence, past encryption and access control"},
		{Name: "Assertions", Check: assertions, Allow: allowAssertions, Why: "a capability found by a type assertion is one that the layers between do not guard"},
		{Name: "Panics", Check: panics, Allow: allowPanics, Why: "no panic crosses a package border and only a program ends the process"},
		{Name: "Length", Check: lengths, Allow: allowLengths, Why: "a file holds one thing; past 300 lines it holds two"},
		{Name: "Face", Check: faces, Why: "a folder's main file carries its name (or is doc.go, main.go) and the package says what it is for"},
		{Name: "Examples", Check: examples, Allow: allowExamples, Why: "a constructor is read from its example first"},
		{Name: "Proofs", Check: proofs, Why: "a claim about safety names a test that is there"},
		{Name: "Leftovers", Check: leftovers, Why: "what is committed works on every machine and is finished"},
	}
}
