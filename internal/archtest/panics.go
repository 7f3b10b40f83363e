package archtest

import (
	"go/ast"
	"go/token"
	"strings"
)

// panics finds panic in code and the end of the process outside of programs.
func panics(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Code() {
		names := f.Imports()
		for _, d := range f.AST.Decls {
			where := "package"
			if fn, ok := d.(*ast.FuncDecl); ok {
				where = fn.Name.Name
			}
			report := func(pos token.Pos, what string) {
				found = append(found, Finding{Key: f.Path + " " + where, Line: t.Line(pos), Text: where + " calls " + what})
			}
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch fn := call.Fun.(type) {
				case *ast.Ident:
					if fn.Name == "panic" {
						report(call.Pos(), "panic")
					}
				case *ast.SelectorExpr:
					pkg, ok := fn.X.(*ast.Ident)
					if !ok || f.Program() {
						return true
					}
					if names[pkg.Name] == "os" && fn.Sel.Name == "Exit" || names[pkg.Name] == "log" && (strings.HasPrefix(fn.Sel.Name, "Fatal") || strings.HasPrefix(fn.Sel.Name, "Panic")) {
						report(call.Pos(), pkg.Name+"."+fn.Sel.Name)
					}
				}
				return true
			})
		}
	}
	return found
}
