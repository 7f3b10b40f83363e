package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

func inits(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Code() {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, Finding{Key: f.Path, Line: t.Line(fn.Pos()), Text: "func init"})
			}
		}
	}
	return found
}

// processWide finds uses of registries that belong to the whole process.
func processWide(t *Tree) []Finding {
	shared := map[string][]string{
		"github.com/prometheus/client_golang/prometheus": {"DefaultRegisterer", "DefaultGatherer", "MustRegister", "Register"},
		"go.opentelemetry.io/otel":                       {"SetTracerProvider", "SetMeterProvider", "GetTracerProvider", "Tracer", "Meter"},
		"log/slog":                                       {"SetDefault"},
		"log":                                            {"SetOutput", "SetFlags"},
		"net/http":                                       {"DefaultServeMux", "Handle", "HandleFunc"},
		"expvar":                                         {"Publish"},
		"math/rand":                                      {"Seed"},
	}
	var found []Finding
	for _, f := range t.Code() {
		names := f.Imports()
		for _, p := range names {
			if strings.HasSuffix(p, "/promauto") {
				found = append(found, Finding{Key: f.Path, Text: "imports promauto, which registers at import"})
			}
		}
		if f.Program() {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			for _, name := range shared[names[pkg.Name]] {
				if sel.Sel.Name == name {
					found = append(found, Finding{Key: f.Path, Line: t.Line(sel.Pos()), Text: fmt.Sprintf("uses %s.%s", pkg.Name, name)})
				}
			}
			return true
		})
	}
	return found
}

// globals finds package variables that can change: without a value, exported
// and of a kind that shares, holding a lock, or changed somewhere in the
// package. A table that nobody touches is a constant in all but name.
func globals(t *Tree) []Finding {
	changed := map[string]bool{} // dir + " " + name
	for _, f := range t.Code() {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				changes(fn, func(name string) { changed[f.Dir+" "+name] = true })
			}
		}
	}
	var found []Finding
	for _, f := range t.Code() {
		for _, d := range f.AST.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR || embedded(gen) {
				continue
			}
			for _, s := range gen.Specs {
				spec := s.(*ast.ValueSpec)
				for i, name := range spec.Names {
					var value ast.Expr
					if i < len(spec.Values) {
						value = spec.Values[i]
					}
					if why := mutable(name.Name, spec.Type, value, changed[f.Dir+" "+name.Name]); why != "" {
						found = append(found, Finding{Key: f.Path + " " + name.Name, Line: t.Line(name.Pos()), Text: fmt.Sprintf("var %s %s", name.Name, why)})
					}
				}
			}
		}
	}
	return found
}

func embedded(d *ast.GenDecl) bool {
	return d.Doc != nil && strings.Contains(docText(d.Doc), "//go:embed")
}

func docText(c *ast.CommentGroup) string {
	var b strings.Builder
	for _, line := range c.List {
		b.WriteString(line.Text + "\n")
	}
	return b.String()
}

// mutable says why the variable counts as state, or "".
func mutable(name string, typ, value ast.Expr, changed bool) string {
	switch {
	case name == "_":
		return ""
	case changed:
		return "is changed by the package"
	case typ != nil && locks(typ):
		return "is a lock, a counter or a channel"
	case value == nil:
		return "has no value, so something will set it"
	case ast.IsExported(name) && shares(value):
		return "is exported and anybody can change what it holds"
	}
	return ""
}

func locks(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ChanType:
			found = true
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && (pkg.Name == "sync" || pkg.Name == "atomic") {
				found = true
			}
		}
		return !found
	})
	return found
}

func shares(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.UnaryExpr:
		return v.Op == token.AND
	case *ast.CompositeLit:
		switch typ := v.Type.(type) {
		case *ast.MapType:
			return true
		case *ast.ArrayType:
			return typ.Len == nil
		}
	case *ast.CallExpr:
		if fn, ok := v.Fun.(*ast.Ident); ok {
			return fn.Name == "make" || fn.Name == "new"
		}
	}
	return false
}

// changes reports the names that the function assigns to, in whole or in part,
// and that it does not declare itself.
func changes(fn *ast.FuncDecl, report func(string)) {
	own := localNames(fn)
	touch := func(e ast.Expr) {
		if name := rootName(e); name != "" && !own[name] {
			report(name)
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, l := range n.Lhs {
					touch(l)
				}
			}
		case *ast.IncDecStmt:
			touch(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				touch(n.X)
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
				touch(n.Args[0])
			}
		}
		return true
	})
}

// rootName is the variable behind x, x[i], x.f and *x.
func rootName(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

// localNames are the names that the function declares anywhere inside.
func localNames(fn *ast.FuncDecl) map[string]bool {
	own := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, l := range n.Lhs {
					own[rootName(l)] = true
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				own[rootName(n.Key)] = true
				own[rootName(n.Value)] = true
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		}
		return true
	})
	return own
}
