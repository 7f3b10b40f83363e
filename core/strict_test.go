package core_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

// TestStrictCoversStore: a method added to Store without one in Strict would
// pass silently through enforcing layers.
func TestStrictCoversStore(t *testing.T) {
	strict := reflect.TypeFor[core.Strict]()
	for m := range reflect.TypeFor[core.Store]().Methods() {
		own, ok := strict.MethodByName(m.Name)
		if !ok {
			t.Errorf("Strict lacks %s", m.Name)
			continue
		}
		if own.Type.NumIn() != 2 || own.Type.In(1).PkgPath() == "" || own.Type.NumOut() != 0 {
			t.Errorf("Strict.%s has a signature that somebody may want: %v", m.Name, own.Type)
		}
	}
	if strict.Implements(reflect.TypeFor[core.Store]()) {
		t.Error("Strict is a Store")
	}
}

// every writes out a method of Store on T.
var every = map[string]string{
	"Write":        `func (T) Write(context.Context, core.WriteRequest) (c core.Commit, err error) { return }`,
	"Read":         `func (T) Read(context.Context, core.ReadRequest) (r core.Rows, err error) { return }`,
	"Resolve":      `func (T) Resolve(context.Context, core.ResolveRequest) (i core.Increment, err error) { return }`,
	"List":         `func (T) List(context.Context, core.ListRequest) iter.Seq2[core.Info, error] { return nil }`,
	"Stat":         `func (T) Stat(context.Context, core.StatRequest) (i core.Info, err error) { return }`,
	"Evolve":       `func (T) Evolve(context.Context, core.EvolveRequest) (i core.Info, err error) { return }`,
	"Capabilities": `func (T) Capabilities() (c core.Capabilities) { return }`,
	"Close":        `func (T) Close() error { return nil }`,
}

func without(name string) string {
	var b strings.Builder
	for n, text := range every {
		if n != name {
			b.WriteString(text + "\n")
		}
	}
	return b.String()
}

// TestShapesOfEmbedding type-checks small programs: a type built on Strict is a
// store only when it says itself what each operation does.
func TestShapesOfEmbedding(t *testing.T) {
	check := typeChecker(t)
	program := func(decls, iface string) string {
		return "package p\nimport (\"context\"; \"iter\"; \"github.com/metaxy-go/metaxy/core\")\n" +
			"var (_ context.Context; _ iter.Seq[int])\n" + decls + "\nvar _ core." + iface + " = T{}\n"
	}
	for name, tc := range map[string]struct {
		decls, iface string
		fine         bool
	}{
		"every method, on Strict":       {"type T struct { core.Strict; next core.Store }\n" + without(""), "EnforcingStore", true},
		"every method, no Strict":       {"type T struct { next core.Store }\n" + without(""), "EnforcingStore", false},
		"no method":                     {"type T struct { core.Strict; next core.Store }", "Store", false},
		"an embedded store":             {"type T struct { core.Strict; core.Store }", "Store", false},
		"an embedded store, other way":  {"type T struct { core.Store; core.Strict }", "Store", false},
		"a pointer to Strict":           {"type T struct { *core.Strict; core.Store }", "Store", false},
		"a store one deeper":            {"type base struct { core.Store }\ntype T struct { core.Strict; base }", "Store", false},
		"a pretender of strict":         {"type T struct { next core.Store }\nfunc (T) strict() {}\n" + without(""), "EnforcingStore", false},
		"Strict as a plain field":       {"type T struct { strict core.Strict; core.Store }", "EnforcingStore", false},
		"an embedded store passes here": {"type T struct { core.Store }", "Store", true}, // why enforcing layers need Strict
	} {
		if err := check(program(tc.decls, tc.iface)); (err == nil) != tc.fine {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name := range every {
		for _, shape := range []string{"type T struct { core.Strict; next core.Store }", "type T struct { core.Strict; core.Store }"} {
			if err := check(program(shape+"\n"+without(name), "Store")); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s without %s: %v", shape, name, err)
			}
		}
	}
	if len(every) != reflect.TypeFor[core.Store]().NumMethod() {
		t.Errorf("Store has other methods than this test: %d", len(every))
	}
}

// typeChecker checks a file against this package as the go command builds it.
func typeChecker(t *testing.T) func(source string) error {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", ".", "iter", "context")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	files := token.NewFileSet()
	imp := importer.ForCompiler(files, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})
	return func(source string) error {
		f, err := parser.ParseFile(files, "p.go", source, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&types.Config{Importer: imp}).Check("p", files, []*ast.File{f}, nil)
		return err
	}
}
