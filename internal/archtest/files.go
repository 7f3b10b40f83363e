package archtest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// MostLines is how long a file of code may be.
const MostLines = 300

func lengths(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Code() {
		if f.Lines > MostLines {
			found = append(found, Finding{Key: f.Path, Text: fmt.Sprintf("%d lines, at most %d", f.Lines, MostLines)})
		}
	}
	return found
}

// faces checks that a reader finds where to begin.
func faces(t *Tree) []Finding {
	byDir := map[string][]*File{}
	for _, f := range t.Code() {
		byDir[f.Dir] = append(byDir[f.Dir], f)
	}
	var found []Finding
	for dir, files := range byDir {
		main := []string{path.Base(dir) + ".go", "doc.go", "main.go"}
		if !slices.ContainsFunc(files, func(f *File) bool { return slices.Contains(main, path.Base(f.Path)) }) {
			found = append(found, Finding{Key: dir, Text: fmt.Sprintf("has none of %v", main)})
		}
		if !slices.ContainsFunc(files, func(f *File) bool { return f.AST.Doc.Text() != "" }) {
			found = append(found, Finding{Key: dir, Text: "no file has a package comment"})
		}
	}
	return found
}

// examples checks that each exported New… and Open… is called in an Example of
// its folder.
func examples(t *Tree) []Finding {
	shown := map[string]bool{} // dir + " " + function
	for _, f := range t.Files {
		if !f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Example") {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					shown[f.Dir+" "+id.Name] = true
				}
				return true
			})
		}
	}
	var found []Finding
	for _, f := range t.Code() {
		if f.Program() || strings.Contains("/"+f.Dir+"/", "/internal/") {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !constructor.MatchString(fn.Name.Name) || shown[f.Dir+" "+fn.Name.Name] {
				continue
			}
			found = append(found, Finding{Key: f.Path + " " + fn.Name.Name, Line: t.Line(fn.Pos()), Text: fmt.Sprintf("no Example in %s calls %s", f.Dir, fn.Name.Name)})
		}
	}
	return found
}

var constructor = regexp.MustCompile(`^(New|Open)([A-Z]|$)`)

// leftover is a text that no committed file may hold.
type leftover struct {
	what string
	re   *regexp.Regexp
	only string // ending of the files that it is about, "" for all
}

// The patterns are written so that this file does not match them itself.
var unwanted = []leftover{
	{what: "an absolute path of one machine", re: regexp.MustCompile(`(?:^|[\s"'=(:` + "`" + `])/(?:work|root|home/[a-z]+|Users/[A-Za-z]+|mnt|tmp/[a-z]+_jobs)/`)},
	{what: "a host that is no public name", re: regexp.MustCompile(`https?://(?:[a-z0-9-]+(?::\d+)?/|10\.\d+\.|192\.168\.|[a-z0-9.-]+\.(?:internal|local|corp|lan)\b)`)},
	{what: "a package proxy of one machine", re: regexp.MustCompile(`(?i)\b(?:GOPROXY|GOSUMDB|PIP_INDEX_URL|npm_config_registry)\s*[:=]\s*["']?(?:https?|file)://`)},
	{what: "a word of unfinished work", re: regexp.MustCompile(`//.*\b(?:TO` + `DO|FIX` + `ME|X` + `XX)\b`), only: ".go"},
	{what: "a merge conflict", re: regexp.MustCompile(`^(?:<{7}|>{7}) `)},
}

func leftovers(t *Tree) []Finding {
	var found []Finding
	for name, src := range t.Text {
		if strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".sum") || strings.HasPrefix(name, "internal/archtest/") {
			continue
		}
		n := 0
		for line := range strings.Lines(string(src)) {
			n++
			for _, u := range unwanted {
				if strings.HasSuffix(name, u.only) && u.re.MatchString(line) && !strings.Contains(line, "://localhost") {
					found = append(found, Finding{Key: name, Line: n, Text: u.what})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b Finding) int { return strings.Compare(a.String(), b.String()) })
	return found
}
