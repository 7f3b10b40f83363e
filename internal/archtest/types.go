package archtest

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"slices"
	"strings"
)

// typeInfo holds the types of this repository's code. What comes from outside
// is unknown and counts as one invalid type, which is enough to tell which
// values are stores.
type typeInfo struct {
	tree  *Tree
	info  *types.Info
	pkgs  map[string]*types.Package
	store *types.Interface // core.Store, nil when there is none
}

func (t *Tree) typed() *typeInfo {
	if t.types != nil {
		return t.types
	}
	ti := &typeInfo{tree: t, pkgs: map[string]*types.Package{}, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	var dirs []string
	for _, f := range t.Code() {
		dirs = append(dirs, f.Dir)
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		ti.check(dir)
	}
	if core := ti.pkgs["core"]; core != nil {
		if obj := core.Scope().Lookup("Store"); obj != nil {
			ti.store, _ = obj.Type().Underlying().(*types.Interface)
		}
	}
	t.types = ti
	return ti
}

// Import gives a package of this repository from source, any other as unknown.
func (ti *typeInfo) Import(p string) (*types.Package, error) {
	if p == "unsafe" {
		return types.Unsafe, nil
	}
	if dir, inside := folder(p); inside {
		if pkg := ti.check(dir); pkg != nil {
			return pkg, nil
		}
	}
	pkg, ok := ti.pkgs["outside "+p]
	if !ok {
		pkg = types.NewPackage(p, outsideName(p))
		pkg.MarkComplete()
		ti.pkgs["outside "+p] = pkg
	}
	return pkg, nil
}

func outsideName(p string) string {
	name := path.Base(p)
	if strings.HasPrefix(name, "v") && len(name) <= 3 && strings.Contains(p, "/") {
		name = path.Base(path.Dir(p))
	}
	return strings.NewReplacer("-", "_", ".", "_").Replace(name)
}

func (ti *typeInfo) check(dir string) *types.Package {
	if pkg, ok := ti.pkgs[dir]; ok {
		return pkg
	}
	ti.pkgs[dir] = nil // an import cycle ends here
	var files []*ast.File
	for _, f := range ti.tree.Code() {
		if f.Dir == dir {
			files = append(files, f.AST)
		}
	}
	if len(files) == 0 {
		return nil
	}
	conf := types.Config{Importer: ti, Error: func(error) {}, FakeImportC: true}
	pkg, _ := conf.Check(Module+"/"+dir, ti.tree.Fset, files, ti.info) // errors: what comes from outside is unknown
	ti.pkgs[dir] = pkg
	return pkg
}

// known reports whether the type, or what a pointer points to, is of this
// repository. An unknown type would seem to implement everything.
func known(t types.Type) bool {
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	return t != types.Typ[types.Invalid] && t.Underlying() != types.Typ[types.Invalid]
}

// isStore reports whether a value of this type can stand for a core.Store.
func (ti *typeInfo) isStore(t types.Type) bool {
	if ti.store == nil || t == nil || !known(t) {
		return false
	}
	return types.Implements(t, ti.store)
}

// embedding finds structs that embed a store, whatever it is called.
func embedding(t *Tree) []Finding {
	ti := t.typed()
	var found []Finding
	for _, f := range t.Code() {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range st.Fields.List {
				typ := ti.info.Types[field.Type].Type
				if len(field.Names) > 0 || typ == nil {
					continue
				}
				if ti.isStore(typ) || ti.isStore(types.NewPointer(typ)) {
					found = append(found, Finding{Key: f.Path + " " + spec.Name.Name, Line: t.Line(field.Pos()), Text: fmt.Sprintf("%s embeds a store: name the field next and write every method out", spec.Name.Name)})
				}
			}
			return true
		})
	}
	return found
}

// assertions finds x.(T) and switch x.(type) where x is a store.
func assertions(t *Tree) []Finding {
	ti := t.typed()
	var found []Finding
	for _, f := range t.Code() {
		for _, d := range f.AST.Decls {
			where := "package"
			if fn, ok := d.(*ast.FuncDecl); ok {
				where = fn.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				a, ok := n.(*ast.TypeAssertExpr)
				if !ok || !ti.isInterfaceStore(a.X) {
					return true
				}
				found = append(found, Finding{Key: f.Path + " " + where, Line: t.Line(a.Pos()), Text: where + " asks a store for another type"})
				return true
			})
		}
	}
	return found
}

// isInterfaceStore sees through any(x) and parentheses.
func (ti *typeInfo) isInterfaceStore(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.ParenExpr:
		return ti.isInterfaceStore(x.X)
	case *ast.CallExpr:
		if fn, ok := x.Fun.(*ast.Ident); ok && fn.Name == "any" && len(x.Args) == 1 {
			return ti.isInterfaceStore(x.Args[0])
		}
	}
	typ := ti.info.Types[e].Type
	return typ != nil && ti.isStore(typ)
}
