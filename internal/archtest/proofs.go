package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

// claims are documents whose lines name the tests that prove them.
var claims = []string{"docs/threat-model.md"}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")

// proofs looks for the tests that documents name.
func proofs(t *Tree) []Finding {
	there := map[string]bool{}
	for _, f := range t.Files {
		if !f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				there[fn.Name.Name] = true
			}
		}
	}
	var found []Finding
	for _, name := range claims {
		line := 0
		for text := range strings.Lines(string(t.Text[name])) {
			line++
			for _, m := range testName.FindAllStringSubmatch(text, -1) {
				if !there[m[1]] {
					found = append(found, Finding{Key: name, Line: line, Text: fmt.Sprintf("there is no test %s", m[1])})
				}
			}
		}
	}
	return found
}
