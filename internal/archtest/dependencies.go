package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// anywhere marks a dependency that the root module carries for everybody.
const anywhere = ""

// tests marks a dependency that only tests and the conformance suite use.
const tests = "tests"

// owners says who may import what from outside the standard library. A path
// that stands nowhere here is a finding, so that each new one is thought about.
var owners = map[string][]string{
	"github.com/apache/arrow-go/v18":     {anywhere},
	"pgregory.net/rapid":                 {tests, "storetest", "layers/catalog/catalogtest"},
	"go.uber.org/goleak":                 {tests, "storetest", "layers/catalog/catalogtest"},
	"github.com/pelletier/go-toml/v2":    {"compose/config", "compose/featurefile", "compose/internal", "cmd"}, // cmd: tables of expected decisions
	"github.com/hashicorp/golang-lru/v2": {"internal/policy"},
	"github.com/maypok86/otter/v2":       {"bench"}, // and ristretto: caches to compare with
	"github.com/dgraph-io/ristretto/v2":  {"bench"},
	"github.com/duckdb/duckdb-go":        {"backends/duckdb", "bench"}, // bench: the hand-written SQL to compare with
	"github.com/spf13":                   {"cmd"},
	"github.com/schollz/progressbar/v3":  {"cmd"},
	"go.uber.org/zap":                    {"layers/logging", "layers/rbac/audit", "compose/config", "cmd", "examples", "bench", tests},
	"github.com/zeebo/xxh3":              {"backends", "layers/catalog/internal/runs", tests},
	"github.com/FastFilter/xorfilter":    {"layers/catalog/internal/runs"},
	"github.com/pressly/goose/v3":        {"layers/catalog"},
	"github.com/rivo/uniseg":             {"rowio"},
	"github.com/failsafe-go/failsafe-go": {"layers/retry"},
	"github.com/bmatcuk/doublestar/v4":   {"cmd"},
	"github.com/rogpeppe/go-internal":    {tests},
	"golang.org/x/term":                  {"cmd", "examples"},
	"golang.org/x/sync":                  {anywhere},
	"golang.org/x/sys":                   {"backends", "cmd", "core/resolve"},
	"github.com/prometheus":              {"layers/metrics", "compose/config", "bench", tests}, // config: the types of what a program hands to layers
	"go.opentelemetry.io":                {"layers/tracing", "compose/config", "examples", "bench", tests},
	"github.com/casbin/casbin/v2":        {"layers/rbac", "compose/config", tests},
	"github.com/coreos/go-oidc/v3":       {"layers/rbac/identity"},
	"github.com/golang-jwt/jwt/v5":       {"layers/rbac/identity", tests},
	"golang.org/x/crypto":                {"layers/rbac/identity", "layers/crypto"},
	"github.com/tink-crypto":             {"layers/crypto", tests},
	"github.com/aws":                     {"layers/crypto/kms"}, // and Google and Vault: key services
	"cloud.google.com/go/kms":            {"layers/crypto/kms"},
	"google.golang.org/api":              {"layers/crypto/kms"},
	"google.golang.org/grpc":             {"layers/crypto/kms"},
	"google.golang.org/protobuf":         {"layers/crypto/kms"},
	"github.com/hashicorp/vault/api":     {"layers/crypto/kms"},
	"github.com/ClickHouse":              {"backends/clickhouse"},
	"github.com/jackc":                   {"backends/sql", "layers/catalog/postgres", "layers/rbac/sqlpolicy", tests},
	"modernc.org/sqlite":                 {"layers/catalog/sqlite", "layers/rbac/sqlpolicy", tests},
	"gocloud.dev":                        {"backends/delta"},
}

// coreOnly is the one dependency that core has.
const coreOnly = "github.com/apache/arrow-go/v18"

func dependencies(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		for _, s := range f.AST.Imports {
			p := strings.Trim(s.Path.Value, `"`)
			_, inside := folder(p)
			if inside || !strings.Contains(firstPart(p), ".") && p != "C" {
				continue
			}
			if why := refuses(f, p); why != "" {
				found = append(found, Finding{Key: f.Dir + " " + p, Line: t.Line(s.Pos()), Text: fmt.Sprintf("%s imports %s: %s", path.Base(f.Path), p, why)})
			}
		}
	}
	return found
}

func firstPart(p string) string {
	first, _, _ := strings.Cut(p, "/")
	return first
}

// refuses says why the file may not import p, or "".
func refuses(f *File, p string) string {
	if p == "C" {
		return "own C code ends every build without a C compiler"
	}
	if within(f.Dir, "core") && !f.Test && !within(p, coreOnly) {
		return "core imports the standard library and Arrow alone"
	}
	if f.Dir == "compose" && !f.Test && !within(p, coreOnly) {
		return "the builder imports core alone"
	}
	for prefix, who := range owners {
		if !within(p, prefix) {
			continue
		}
		for _, w := range who {
			if w == anywhere || w == tests && f.Test || w != tests && within(f.Dir, w) {
				return ""
			}
		}
		return fmt.Sprintf("it belongs to %v", who)
	}
	return "say in archtest who may use it and why"
}

// modules checks go.mod files against go.work and against each other.
func modules(t *Tree) []Finding {
	work := string(t.Text["go.work"])
	used := strings.Fields(work)
	var found []Finding
	for name, src := range t.Text {
		if path.Base(name) != "go.mod" || strings.Contains(name, "testdata/") {
			continue
		}
		dir := path.Dir(name)
		if dir != "." && !slices.Contains(used, "./"+dir) {
			found = append(found, Finding{Key: name, Text: fmt.Sprintf("go.work does not use ./%s", dir)})
		}
		found = append(found, moduleFile(name, dir, string(src))...)
	}
	return found
}

func moduleFile(name, dir, src string) []Finding {
	var found []Finding
	replaced := map[string]bool{}
	for line := range strings.Lines(src) {
		if from, _, ok := strings.Cut(line, "=>"); ok {
			replaced[strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(from), "replace "))] = true
		}
	}
	for i, line := range strings.Split(src, "\n") {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) < 2 || strings.Contains(line, "=>") || fields[0] == "module" {
			continue
		}
		dep := fields[0]
		if _, inside := folder(dep); inside && !replaced[dep] {
			found = append(found, Finding{Key: name, Line: i + 1, Text: fmt.Sprintf("%s is required without a replace to its folder here", dep)})
		}
		if dir == "." && within(dep, "github.com/duckdb/duckdb-go") || dir == "." && within(dep, "github.com/spf13") {
			found = append(found, Finding{Key: name, Line: i + 1, Text: fmt.Sprintf("the root module requires %s", dep)})
		}
	}
	return found
}
