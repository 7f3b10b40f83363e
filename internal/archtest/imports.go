package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// reach says what the packages below a folder may import of this repository.
// "self" is the part below the folder that the package itself is in. A folder
// that stands nowhere here is a finding, so that each new one is thought about.
var reach = map[string][]string{
	"core":                nil, // and its own folders
	"layers":              {"core", "internal/policy"},
	"backends":            {"core", "backends/internal"},
	"partition":           {"core"},
	"engines":             {"core"},
	"migrate":             {"core"},
	"plan":                {"core"},
	"rowio":               {"core"},
	"storetest":           {"core", "backends/memory"},
	"compose":             {"core"},
	"compose/featurefile": {"core"},
	"compose/config":      {"core", "compose", "layers", "backends", "partition", "engines", "migrate", "plan", "rowio"},
	"cmd":                 {"core", "compose", "layers", "backends", "partition", "engines", "migrate", "plan", "rowio", "cmd"},
	"examples":            {"core", "compose", "layers", "backends", "partition", "engines", "migrate", "plan", "rowio", "storetest", "examples"},
	"bench":               {"core", "compose", "layers", "backends", "partition", "engines", "migrate", "plan", "rowio", "internal/policy", "bench"},
	"internal":            nil,
}

// siblings are folders whose direct children do not know each other.
var siblings = []string{"layers", "backends", "engines"}

// area finds the longest folder of reach that dir is in, and the part below it
// whose packages belong together.
func area(dir string) (name, own string, ok bool) {
	for at := dir; at != "."; at = path.Dir(at) {
		if _, ok := reach[at]; !ok {
			continue
		}
		if !slices.Contains(siblings, at) || at == dir {
			return at, at, true
		}
		child, _, _ := strings.Cut(strings.TrimPrefix(dir, at+"/"), "/")
		return at, at + "/" + child, true
	}
	return "", "", false
}

func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

func imports(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.Files {
		name, own, ok := area(f.Dir)
		if !ok {
			found = append(found, Finding{Key: f.Path, Text: fmt.Sprintf("folder %s has no import rule: give it one in archtest", f.Dir)})
			continue
		}
		for _, s := range f.AST.Imports {
			to, inside := folder(strings.Trim(s.Path.Value, `"`))
			if !inside || within(to, own) || permitted(name, f.Dir, to, f.Test) {
				continue
			}
			found = append(found, Finding{
				Key: f.Path + " " + to, Line: t.Line(s.Pos()),
				Text: fmt.Sprintf("%s imports %s; packages of %s may import %v", f.Dir, to, name, append([]string{own}, reach[name]...)),
			})
		}
	}
	return found
}

// permitted reports whether packages of the area may import the folder. A test
// may use everything but programs: it is built alone.
func permitted(area, from, to string, test bool) bool {
	for _, program := range []string{"cmd", "examples", "bench"} {
		if within(to, program) {
			return area == program
		}
	}
	if shared, _, ok := strings.Cut(to, "/internal/"); test || ok && within(from, shared) {
		return true
	}
	if area == "compose/config" && to == "compose/featurefile" {
		return true
	}
	return slices.ContainsFunc(reach[area], func(r string) bool { return within(to, r) })
}
