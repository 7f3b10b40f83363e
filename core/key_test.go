package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
)

func TestKeys(t *testing.T) {
	for _, good := range []string{"a", "_", "_a", "video/crop", "a/1", "a/_-", "a-b_c/0-9", "a_b", strings.Repeat("a", core.MaxKeyBytes)} {
		if k, err := core.ParseKey(good); err != nil || string(k) != good {
			t.Errorf("%q: %q, %v", good, k, err)
		}
	}
	for bad, why := range map[string]string{
		"":                                       "empty feature key",
		"/":                                      "part 1 is empty",
		"a/":                                     "part 2 is empty",
		"a//b":                                   "part 2 is empty",
		"1a":                                     "part 1 begins with '1'",
		"-a":                                     "part 1 begins with '-'",
		"a/b/-c":                                 "part 3 contains '-'",
		"A":                                      "part 1 begins with 'A'",
		"..":                                     "part 1 begins with '.'",
		"a/../b":                                 "part 2 contains '.'",
		"a\x00b":                                 `contains '\x00'`,
		"a b":                                    "contains ' '",
		"é":                                      "part 1 begins with",
		"a__b":                                   `contains "__"`,
		"a/__":                                   `part 2 contains "__"`,
		strings.Repeat("a", core.MaxKeyBytes+1):  "256 bytes",
		strings.Repeat("ab/", 10_000/len("ab/")): "at most 255",
		"a/" + strings.Repeat("\xff\xfe", 20):    "part 2 contains",
		"video\\crop":                            `contains '\\'`,
		"video.crop":                             "contains '.'",
		"video/crop\n":                           `contains '\n'`,
		"video/crop'; drop table x; select '\x1b": "part 2 contains",
	} {
		_, err := core.ParseKey(bad)
		if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), why) {
			t.Errorf("%.40q: %v, want %q", bad, err, why)
		}
		e := core.Error{Op: core.OpRead, Key: core.FeatureKey(bad), Err: core.ErrInvalid}
		if text := e.Error(); len(text) > 600 || strings.ContainsAny(text, "\x00\n\x1b") {
			t.Errorf("a hostile key prints as %q", text)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"video/crop", "a__b", "a/../b", "\x00", "1", strings.Repeat("a/", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := core.ParseKey(s)
		if err != nil {
			if !errors.Is(err, core.ErrInvalid) || k != "" {
				t.Fatalf("%q: %q, %v", s, k, err)
			}
			return
		}
		if string(k) != s || strings.Join(k.Parts(), "/") != s || strings.ReplaceAll(k.Dotted(), ".", "/") != s {
			t.Fatalf("%q became %q", s, k)
		}
		// What makes a key safe as a path, a table name and a part of a hash:
		// no dots, nothing that ends a name, and "__" free as a separator.
		if strings.ContainsAny(s, ".\\\x00 \"'`;\n") || strings.Contains(s, "__") || len(s) > core.MaxKeyBytes {
			t.Fatalf("%q is a key", s)
		}
	})
}
