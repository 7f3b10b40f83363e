package config_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/logging"
)

const canary = "hunter2-canary"

// A secret in the file is refused, and the refusal does not show it.
func TestLiteralSecrets(t *testing.T) {
	const beside = `: leave it out and write password = "env:MY_STORE_PASSWORD" or "file:path" beside it`
	for name, c := range map[string]struct{ line, want string }{
		"password":               {`backend = "postgres://u:hunter2-canary@h/db"`, `m:2:1: backend: the URL holds a password` + beside},
		"password with signs":    {`backend = "postgres://u:hunter2-canary$$@x@h/db"`, `m:2:1: backend: the URL holds a password` + beside},
		"half a password":        {`backend = "postgres://u:${X}hunter2-canary@h/db"`, `m:2:1: backend: the URL holds a password` + beside},
		"default of a password":  {`backend = "postgres://u:${X:-hunter2-canary}@h/db"`, `m:2:1: backend: the URL holds a password` + beside},
		"default with a slash":   {`backend = "postgres://u:${X:-hunter2-canary/}@h/db"`, `m:2:1: backend: the URL holds a password` + beside},
		"option":                 {`backend = "x://h/db?a=b&Auth_Token=hunter2-canary"`, `m:2:1: backend: the URL holds a secret in Auth_Token: write Auth_Token=${NAME}, a variable without a default`},
		"literal at password":    {"backend = \"x://h\"\npassword = \"hunter2-canary\"", `m:3:1: password: a secret is not written here: say where it is with "env:NAME" or "file:path"`},
		"variable at password":   {"backend = \"x://h\"\npassword = \"${HUNTER}\"", `m:3:1: password: a secret is not written here: say where it is with "env:NAME" or "file:path"`},
		"no name":                {"backend = \"x://h\"\npassword = \"env:\"", `m:3:1: password: env: names nothing: write "env:NAME" or "file:path"`},
		"what is no name":        {"backend = \"x://h\"\npassword = \"env:hunter2-canary\"", `m:3:1: password: env: is not followed by the name of a variable`},
		"a layer's":              {"backend = \"x://h\"\nvault = { key = \"hunter2-canary\" }", `m:3:11: key: a secret is not written here: say where it is with "env:NAME" or "file:path"`},
		"something else instead": {"backend = \"x://h\"\npassword = 12", `m:3:1: password is an integer, want a string`},
	} {
		_, err := config.Parse("m", []byte("[stores.my-store]\n"+c.line+"\n"), ".", config.Layers(vault(nil)))
		if err == nil || strings.Split(err.Error(), "\n")[0] != c.want || !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
	for _, line := range []string{
		`backend = "postgres://u@h/db"`, `backend = "postgres://u:${PW}@h/db"`, `backend = "postgres://u:${PW:-}@h/db?token=${T}&access_key_id=abc"`,
		`backend = "x://h/a:b@c"`, `backend = "duckdb://a?secret="`,
	} {
		if _, err := config.Parse("m", []byte("[stores.a]\n"+line+"\n"), "."); err != nil {
			t.Error(err)
		}
	}
}

// vault is a layer with a secret.
func vault(made func(config.Values, config.Env) error) config.LayerKind {
	return config.LayerKind{
		Table: "vault", Keys: []config.Key{{Name: "key", Kind: config.SecretRef, Doc: "the key"}},
		Make: func(v config.Values, env config.Env) (core.Layer, error) { return logging.New(nil), made(v, env) },
	}
}

// References are read when the store is opened, wherever they are.
func TestReferences(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pw"), []byte("p/w:@ %\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var urls, keys []string
	env := map[string]string{"KEY": canary, "EMPTY": ""}
	doc := "[stores.a]\nbackend = \"x://u@h/db\"\npassword = \"file:pw\"\n[stores.a.vault]\nkey = \"env:KEY\"\n" +
		"[stores.b]\nbackend = \"x://h\"\npassword = \"env:EMPTY\"\n[stores.c]\nbackend = \"x://h\"\npassword = \"file:none\"\n" +
		"[stores.d]\nbackend = \"x://u:${KEY}@h\"\npassword = \"env:KEY\"\n[stores.e]\nbackend = \"memory://\"\npassword = \"env:KEY\"\n" +
		"[stores.f]\nextends = \"a\"\nbackend = \"memory://\"\n"
	c, err := config.Parse("m", []byte(doc), dir, config.Environment(func(n string) (string, bool) { v, ok := env[n]; return v, ok }),
		config.Layers(vault(func(v config.Values, env config.Env) error {
			s := v.Secret("key")
			if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(text, canary) || !s.IsSet() {
				t.Error(text)
			}
			if env.Drawing {
				return nil
			}
			key, err := s.Reveal()
			keys = append(keys, key)
			return err
		})))
	if err != nil {
		t.Fatal(err)
	}
	reg := config.NewRegistry(config.Backend("x", func(_ context.Context, url string) (core.Store, error) {
		urls = append(urls, url)
		return memory.New(), nil
	}))
	s, err := c.Open(t.Context(), reg, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, err := url.Parse(urls[0])
	if err != nil {
		t.Fatal(err)
	}
	if pw, _ := u.User.Password(); pw != "p/w:@ %" || u.Host != "h" || fmt.Sprint(keys) != "["+canary+"]" {
		t.Errorf("%q %q", urls, keys)
	}
	drawn, err := json.Marshal(s)
	if err != nil || strings.Contains(string(drawn)+s.String()+s.Mermaid(), canary) || strings.Contains(string(drawn), "p/w") {
		t.Error(string(drawn), err)
	}
	for name, want := range map[string]string{
		"b": `m:8:1: store b: password: the secret env:EMPTY is empty: environment variable EMPTY is set to nothing`,
		"d": `m:14:1: store d: password: there is a password in the URL and one beside it`,
		"e": `m:17:1: store e: password: a backend in a file or in memory takes none`,
	} {
		if _, err := c.Open(t.Context(), reg, name); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := c.Open(t.Context(), reg, "c"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if f, err := c.Open(t.Context(), reg, "f"); err != nil { // an inherited password is for backends that take one
		t.Error(err)
	} else {
		f.Close()
	}
	needs, err := c.Needs("b")
	if err != nil || fmt.Sprint(needs) != "[EMPTY]" {
		t.Error(needs, err)
	}
	if needs, err := c.Needs("c"); err != nil || fmt.Sprint(needs) != "[file:none]" {
		t.Error(needs, err)
	}
}

// However a password is written in a URL, what a driver says of it is not shown.
func TestErrorsOfDriversShowNoPassword(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringMatching(`[!-~]{6,20}`).Draw(t, "password")
		var saw string
		reg := config.NewRegistry(config.Backend("x", func(_ context.Context, address string) (core.Store, error) {
			saw = address
			u, err := url.Parse(address)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", core.ErrUnavailable, err)
			}
			pw, _ := u.User.Password()
			return nil, fmt.Errorf("%w: cannot log in at %s with %s (%s)", core.ErrUnavailable, address, pw, u.User)
		}))
		c, err := config.Parse("m", []byte("[stores.a]\nbackend = \"x://u@h/db\"\npassword = \"env:PW\"\n"), ".",
			config.Environment(func(string) (string, bool) { return password, true }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Open(context.Background(), reg, "a")
		if !errors.Is(err, core.ErrUnavailable) || strings.Contains(err.Error(), password) {
			t.Fatalf("%v (from %s)", err, saw)
		}
	})
}
