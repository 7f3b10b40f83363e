package config

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
)

// secretName matches options of a URL that hold a secret.
var secretName = regexp.MustCompile(`(?i)(password|passwd|pwd|secret|token|credential|api_?key|access_?key)`)

// reference matches a variable without a default: what it stands for is not in
// the file.
var reference = regexp.MustCompile(`\$\{[A-Za-z0-9_]+(:-)?\}`)

// checkURL reports what can be seen of a backend before it is opened.
func (c *Config) checkURL(store string, t *tomltree.Table) {
	text := t.String("backend")
	if text == "" {
		return
	}
	if !strings.Contains(text, "://") && !strings.Contains(text, "$") {
		t.Fail("backend", "backend: want a URL such as \"duckdb://dev.duckdb\" or \"memory://\"")
	}
	for _, why := range secretsInURL(text, "write password = \"env:"+asVariable(store)+"_PASSWORD\" or \"file:path\" beside it") {
		t.Fail("backend", "backend: %s", why)
	}
}

// secretsInURL says of each secret that stands in a URL where it should be
// instead.
func secretsInURL(text, instead string) []string {
	var out []string
	u := splitURL(text)
	if _, password, ok := strings.Cut(u.user, ":"); ok && literal(password) {
		out = append(out, "the URL holds a password: leave it out and "+instead)
	}
	for option := range strings.SplitSeq(u.query, "&") {
		name, value, _ := strings.Cut(option, "=")
		if isSecret(name) && literal(value) {
			out = append(out, "the URL holds a secret in "+name+": write "+name+"=${NAME}, a variable without a default")
		}
	}
	return out
}

// literal reports whether a text says more than references do.
func literal(s string) bool { return reference.ReplaceAllString(s, "") != "" }

func isSecret(option string) bool {
	return secretName.MatchString(option) && !strings.HasSuffix(strings.ToLower(option), "_id")
}

// parts are those of a URL that may be no valid one, variables included.
type parts struct {
	scheme, user, rest string // rest begins with the host, or the path
	query              string
}

func splitURL(text string) parts {
	var u parts
	var ok bool
	if u.scheme, u.rest, ok = strings.Cut(text, "://"); !ok {
		return parts{rest: text}
	}
	_, u.query, _ = strings.Cut(u.rest, "?")
	end := len(u.rest)
	depth := 0
	for i, r := range u.rest {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case strings.ContainsRune("/?#", r) && depth == 0:
			end = min(end, i)
		}
	}
	if at := strings.LastIndex(u.rest[:end], "@"); at >= 0 {
		u.user, u.rest = u.rest[:at], u.rest[at+1:]
	}
	return u
}

// withPassword puts a password into a URL.
func withPassword(text, password string) (string, error) {
	u := splitURL(text)
	if strings.Contains(u.user, ":") {
		return "", textError("there is a password in the URL and one beside it")
	}
	_, escaped, _ := strings.Cut(url.UserPassword("u", password).String(), ":")
	return u.scheme + "://" + u.user + ":" + escaped + "@" + u.rest, nil
}

// secretsOf lists what must not be shown of a URL.
func secretsOf(text string) []string {
	u := splitURL(text)
	var out []string
	add := func(s string) {
		if s == "" {
			return
		}
		out = append(out, s)
		if plain, err := url.PathUnescape(s); err == nil && plain != s {
			out = append(out, plain)
		}
		if plain, err := url.QueryUnescape(s); err == nil && plain != s {
			out = append(out, plain)
		}
	}
	_, password, _ := strings.Cut(u.user, ":")
	add(password)
	for option := range strings.SplitSeq(u.query, "&") {
		if name, value, _ := strings.Cut(option, "="); isSecret(name) {
			add(value)
		}
	}
	return out
}

// asVariable makes a name of a store one of an environment variable.
func asVariable(store string) string {
	return strings.Map(func(r rune) rune {
		if !variableName(string(r)) {
			return '_'
		}
		return r
	}, strings.ToUpper(store))
}
