package archtest

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Module is the path of the root module.
const Module = "github.com/metaxy-go/metaxy"

// Tree is the repository as the rules see it.
type Tree struct {
	Fset  *token.FileSet
	Files []*File           // every Go file, in path order
	Text  map[string][]byte // every committed text file by path
	types *typeInfo         // made when first asked for
}

// File is one parsed Go file.
type File struct {
	Path  string // from the root, with slashes
	Dir   string // "" is never used: the root is "."
	Test  bool
	Lines int
	Src   []byte
	AST   *ast.File
}

// Load parses the repository below root.
func Load(root string) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet(), Text: map[string][]byte{}}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || !strings.HasSuffix(name, ".go") {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return t.Add(filepath.ToSlash(rel), src)
	})
	if err != nil {
		return nil, err
	}
	for _, name := range committed(root) {
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err == nil && bytes.IndexByte(src, 0) < 0 {
			t.Text[name] = src
		}
	}
	return t, nil
}

// Add parses one Go file under a path of the repository.
func (t *Tree) Add(name string, src []byte) error {
	f, err := parser.ParseFile(t.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.Files = append(t.Files, &File{
		Path: name, Dir: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"),
		Lines: bytes.Count(src, []byte("\n")), Src: src, AST: f,
	})
	return nil
}

// Code yields the files that are no tests.
func (t *Tree) Code() []*File {
	var out []*File
	for _, f := range t.Files {
		if !f.Test {
			out = append(out, f)
		}
	}
	return out
}

// Line gives the line of a position.
func (t *Tree) Line(p token.Pos) int { return t.Fset.Position(p).Line }

// Program reports whether the file belongs to a main package.
func (f *File) Program() bool { return f.AST.Name.Name == "main" }

// Imports maps the name under which a package is used here to its path.
func (f *File) Imports() map[string]string {
	out := map[string]string{}
	for _, s := range f.AST.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if len(name) > 1 && name[0] == 'v' && name[1] >= '0' && name[1] <= '9' {
			name = path.Base(path.Dir(p))
		}
		if s.Name != nil {
			name = s.Name.Name
		}
		out[name] = p
	}
	return out
}

// folder turns an import path into a folder of the repository.
func folder(importPath string) (string, bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

// committed lists what version control holds. In a tree without it (a
// downloaded archive) every file that is not hidden counts.
func committed(root string) []string {
	cmd := exec.CommandContext(context.Background(), "git", "ls-files", "-z", "--cached")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	}
	var names []string
	_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || (d.IsDir() && name != root && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if rel, err := filepath.Rel(root, name); err == nil && !d.IsDir() {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	return names
}

// Parse makes a tree of Go sources by path: a small repository for tests.
func Parse(files map[string]string) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet(), Text: map[string][]byte{}}
	for name, src := range files {
		if err := t.Add(name, []byte(src)); err != nil {
			return nil, err
		}
	}
	return t, nil
}
