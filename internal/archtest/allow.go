package archtest

// Exemptions, each with its reason. One that exempts nothing fails its rule.
// Keys are what the finding prints: a path, or a path (for Dependencies a
// folder) and the name that is meant.

var allowImports = map[string]string{}

var allowDependencies = map[string]string{}

var allowGlobals = map[string]string{
	"layers/catalog/sqlite/stamp_unix.go indexes": "POSIX gives file locks to the process, so what must not be closed before its time is counted by process",
	"internal/pgtest/pgtest.go started":           "a test process shares one server among its tests; no store sees it",
}

var allowEmbedding = map[string]string{}

var allowAssertions = map[string]string{
	"core/describe.go DescribeStore": "a description tells nothing about rows",
	"core/describe.go StandsOn":      "identity alone: yes or no",
	"storetest/layer.go y4":          "holds a layer to the rule that compose holds it to: is it built on core.Strict",
}

var allowPanics = map[string]string{
	"storetest/": "runs in tests alone: a mistake of the test's author ends the test where it was made, and R9 panics in a consumer on purpose",
}

var allowLengths = map[string]string{}

var allowExamples = map[string]string{
	"core/check_write.go NewRowChecker":                     "for authors of backends, shown by backends/memory",
	"layers/rbac/identity/identitytest/identitytest.go New": "takes a testing.TB, which an Example does not have",
	"core/ident/seen.go NewSeen":                            "for authors of backends, reached through core.NewRowChecker",
}
