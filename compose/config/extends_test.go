package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
)

// What is merged describes itself as if it had been written out.
func TestExtends(t *testing.T) {
	const base = `
[stores.base]
fallback = ["prod", "old"]
fallback_on_unavailable = true
logging = true
[stores.base.cache]
max_bytes = "64MiB"
policy = "lru"
[stores.base.retry]
attempts = 9
[stores.prod]
backend = "memory://"
[stores.old]
backend = "memory://"
[stores.user]
extends = "base"
backend = "memory://"
`
	for name, c := range map[string]struct{ short, long string }{
		"all of it": {
			"[stores.dev]\nextends = \"base\"\nbackend = \"memory://\"\n",
			"[stores.dev]\nbackend = \"memory://\"\nfallback = [\"prod\", \"old\"]\nfallback_on_unavailable = true\nlogging = true\n[stores.dev.cache]\nmax_bytes = \"64MiB\"\npolicy = \"lru\"\n[stores.dev.retry]\nattempts = 9\n",
		},
		"a table key by key, a list as a whole, a layer left out": {
			"[stores.dev]\nextends = \"base\"\nbackend = \"memory://\"\nfallback = [\"old\"]\nretry = false\n[stores.dev.cache]\nmax_bytes = \"1MiB\"\n",
			"[stores.dev]\nbackend = \"memory://\"\nfallback = [\"old\"]\nfallback_on_unavailable = true\nlogging = true\n[stores.dev.cache]\nmax_bytes = \"1MiB\"\npolicy = \"lru\"\n",
		},
		"nothing to fall back to": {
			"[stores.dev]\nextends = \"base\"\nbackend = \"memory://\"\nfallback = []\nlogging = false\ncache = false\nretry = false\n",
			"[stores.dev]\nbackend = \"memory://\"\n",
		},
		"a chain": {
			"[stores.mid]\nextends = \"base\"\ncache = false\n[stores.dev]\nextends = \"mid\"\nbackend = \"memory://\"\n[stores.dev.retry]\ntimeout = \"1s\"\n",
			"[stores.dev]\nbackend = \"memory://\"\nfallback = [\"prod\", \"old\"]\nfallback_on_unavailable = true\nlogging = true\n[stores.dev.retry]\nattempts = 9\ntimeout = \"1s\"\n",
		},
		"of another that can be opened": {
			"[stores.other]\nbackend = \"memory://\"\nlogging = true\n[stores.dev]\nextends = \"other\"\n",
			"[stores.dev]\nbackend = \"memory://\"\nlogging = true\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sameDrawings(t, name, open(t, base+c.short, "dev"), open(t, base+c.long, "dev"))
		})
	}
	c := parse(t, base)
	if got := fmt.Sprint(c.Names()); got != "[prod old user]" {
		t.Error(got)
	}
}

// A table that is only there to be extended is no store.
func TestAbstractStores(t *testing.T) {
	c := parse(t, "[stores.base]\nlogging = true\n[stores.dev]\nextends = \"base\"\nbackend = \"memory://\"\n")
	if got := fmt.Sprint(c.Names()); got != "[dev]" {
		t.Error(got)
	}
	if name, err := c.Store(""); name != "dev" || err != nil {
		t.Error(name, err)
	}
	if _, err := c.Open(t.Context(), config.NewRegistry(), "base"); err == nil || !strings.Contains(err.Error(), "store base has no backend: it is there to be extended") {
		t.Error(err)
	}
}

func TestExtendsMistakes(t *testing.T) {
	const backend = "backend = \"memory://\"\n"
	for name, c := range map[string]struct{ doc, want string }{
		"unknown": {"[stores.base]\n" + backend + "[stores.a]\n" + backend + "extends = \"bsae\"\n", `m:5:1: store a extends unknown store "bsae"; did you mean "base"?`},
		"itself":  {"[stores.a]\n" + backend + "extends = \"a\"\n", `m:3:1: store a extends itself`},
		"circle": {
			"[stores.a]\n" + backend + "extends = \"b\"\n[stores.b]\n" + backend + "extends = \"c\"\n[stores.c]\n" + backend + "extends = \"a\"\n",
			`m:9:1: stores extend each other in a circle: a → b → c → a`,
		},
		"inherited fallback on itself": {
			"[stores.base]\nfallback = [\"prod\"]\n[stores.prod]\nextends = \"base\"\n" + backend,
			`m:2:13: store prod falls back to itself; it inherits this from base: write fallback = []`,
		},
		"inherited unknown leg": {
			"[stores.base]\nfallback = [\"prd\"]\n[stores.prod]\n" + backend + "[stores.a]\nextends = \"base\"\n" + backend,
			`m:2:13: store base falls back to unknown store "prd"; did you mean "prod"?`,
		},
		"a leg without a backend": {
			"[stores.base]\n[stores.a]\nextends = \"base\"\nfallback = [\"base\"]\n" + backend,
			`m:4:13: store a falls back to base, which has no backend`,
		},
		"default without a backend": {"default = \"base\"\n[stores.base]\n[stores.a]\nextends = \"base\"\n" + backend, `m:1:1: default: store base has no backend`},
		"no backend anywhere":       {"[stores.base]\n[stores.a]\nextends = \"base\"\n", `m:2:9: store a has no backend: set one such as "duckdb://a.duckdb"`},
		"inherited unknown key": {
			"[stores.base.cache]\nmax = 1\n[stores.a]\nextends = \"base\"\n" + backend,
			`m:2:1: unknown key "max" in [stores.base.cache]`,
		},
		"neither table nor truth": {"[stores.a]\n" + backend + "cache = \"yes\"\n", `m:3:1: cache is a string, want a table`},
	} {
		_, err := config.Parse("m", []byte(c.doc), ".")
		if err == nil || err.Error() != c.want || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
	}
}

// Whatever extends and falls back to whatever, loading ends, and what loads can
// be drawn.
func TestRandomGraphsEnd(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		var doc strings.Builder
		for _, n := range names {
			fmt.Fprintf(&doc, "[stores.%s]\n", n)
			if rapid.Bool().Draw(t, "backend") {
				doc.WriteString("backend = \"memory://\"\n")
			}
			if rapid.Bool().Draw(t, "extends") {
				fmt.Fprintf(&doc, "extends = %q\n", rapid.SampledFrom(names).Draw(t, "base"))
			}
			if legs := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 2, rapid.ID).Draw(t, "legs"); rapid.Bool().Draw(t, "fallback") {
				fmt.Fprintf(&doc, "fallback = [%s]\n", strings.Join(quoted(legs), ", "))
			}
		}
		c, err := config.Parse("m", []byte(doc.String()), ".")
		if err != nil {
			if !errors.Is(err, core.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		for _, n := range c.Names() {
			if _, err := c.Describe(n); err != nil {
				t.Fatalf("%s\n%v", doc.String(), err)
			}
		}
	})
}

func quoted(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return out
}
