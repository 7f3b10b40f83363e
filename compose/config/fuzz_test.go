package config_test

import (
	"errors"
	"testing"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
)

// FuzzParse: whatever the file says, reading it ends with a configuration or
// with mistakes, and what can be read can be drawn or is refused.
func FuzzParse(f *testing.F) {
	for _, doc := range []string{
		sample, everything, "[stores.a]\nextends = \"a\"\n", "[stores.a]\nbackend = \"x://${A:-${B}}:@/?token=\"\npassword = \"file:\"\n",
		"[stores.a]\nbackend = \"memory://\"\n[stores.a.cache]\nmax_bytes = \"${X:-9e300TB}\"\nttl = \"-0s\"\n", "stores = 3\ndefault = \"$\"\n",
		document(someColumns), "[stores.a]\nbackend = \"memory://\"\nextends = \"b\"\n[stores.a.rbac]\naudit = {log = true}\noidc = [{issuer = \"https://i\", audience = \"m\"}]\n[stores.b.rbac]\npolicy = \"p\"\naudit = false\n",
		"[stores.a]\nbackend = \"memory://\"\n[stores.a.crypto]\nkeyset = \"k\"\nkms = \"${K:-x://y}\"\ncolumns = \"e\"\n[[stores.a.crypto.columns]]\n",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := config.Parse("m", doc, ".", config.Environment(func(string) (string, bool) { return "", false }))
		if err != nil {
			if !errors.Is(err, core.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		for _, name := range c.Names() {
			if _, err := c.Describe(name); err != nil && !errors.Is(err, core.ErrInvalid) {
				t.Fatal(err)
			}
			if _, err := c.Needs(name); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Security(name); err != nil && !errors.Is(err, core.ErrInvalid) {
				t.Fatal(err)
			}
			if _, err := c.Audit(name); err != nil && !errors.Is(err, core.ErrInvalid) && !errors.Is(err, core.ErrUnsupported) {
				t.Fatal(err)
			}
		}
	})
}
