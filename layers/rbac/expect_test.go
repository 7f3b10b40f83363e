package rbac_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

const expectedPolicy = `
p, role:analyst, video/**, read, allow
p, role:analyst, video/secret/*, read, deny
p, role:owner, video/**, *, allow
p, role:owner, video/**, admin, allow
p, *, public/*, stat, allow
p2, *, video/**, email, hash
p2, role:analyst, video/**, gps*, hide
p3, role:analyst, video/**, region = 'us' AND TRUE
g, user:ann, role:analyst
g, group:lab, role:owner
`

func TestUnmet(t *testing.T) {
	p := policy(t, expectedPolicy)
	for line, want := range map[string]string{
		"user:ann,read,video/raw,allow,,,":                                             "",
		"user:ann,read,video/raw,allow,,email: hash; title ; gps_lat:hide,":            "",
		"user:ann,read,video/raw,allow,,,region = 'us'":                                "",
		"user:ann,read,video/raw,deny,,gps_lat,":                                       "",
		"user:ann,read,video/secret/x,deny,,,":                                         "",
		"user:ann,write,video/raw,deny,,,":                                             "",
		"user:zoe,stat,public/a,allow,,,TRUE":                                          "",
		"user:zoe,write,video/raw,allow,group:lab,email: hash,":                        "",
		"role:owner,admin,video/raw,allow,,,TRUE":                                      "",
		"group:lab,resolve,video/raw,allow,,,":                                         "",
		"service:new,read,video/raw,deny,,,":                                           "",
		"user:ann,read,video/raw,deny,,,":                                              "allowed by p, role:analyst, video/**, read, allow",
		"user:ann,read,video/raw,deny,,email,":                                         "allowed by p, role:analyst, video/**, read, allow",
		"user:ann,read,video/secret/x,allow,,,":                                        "denied by p, role:analyst, video/secret/*, read, deny",
		"user:ann,write,video/raw,allow,,,":                                            "no rule allows it",
		"user:ann,read,video/raw,allow,,email; gps_lat: null,":                         "column email is hash, want read; column gps_lat is hide, want null",
		"user:ann,read,video/raw,allow,,,region = 'eu'":                                "the rows are region = 'us', want region = 'eu'",
		"user:ann,read,video/raw,allow,,,TRUE":                                         "the rows are region = 'us', want all",
		"role:owner,read,video/raw,allow,,,x > 1":                                      "the rows are all, want x > 1",
		"role:analist,read,video/raw,deny,,,":                                          "no rule names role:analist",
		"user:zoe,read,video/raw,deny,group:labb,,":                                    "no rule names group:labb",
		"user:ann,admin,video/raw,allow,,,":                                            "no rule allows it",
		"user:ann,read,\"video/raw\",allow,,title,\"region = 'us' AND region = 'us'\"": "",
	} {
		table, err := rbac.ParseExpectations("identity,op,feature,expect,groups,columns,rows\n# a comment\n" + line)
		if err != nil || len(table) != 1 || table[0].Line != 3 {
			t.Fatalf("%s: %+v, %v", line, table, err)
		}
		got := ""
		for _, u := range p.Unmet(table) {
			got = u.Why
			if text := u.String(); !strings.HasPrefix(text, "line 3: "+table[0].Identity) || !strings.HasSuffix(text, got) {
				t.Errorf("%s prints as %s", line, text)
			}
		}
		if got != want {
			t.Errorf("%s:\n got %q\nwant %q", line, got, want)
		}
	}
}

// TestExpectationMistakes: a table that says nothing sensible must not pass.
func TestExpectationMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "begins with the names",
		"identity,op,feature\n":             `line 1: invalid: there is no column "expect"`,
		"identity,op,featur,expect\n":       `unknown column "featur"; did you mean "feature"?`,
		"secret\n":                          "line 1: invalid: column 1 is none of identity, op,",
		"identity,op,feature,expect,op\n":   "twice",
		"H\nann,read,video/raw,allow":       "line 2: invalid: identity",
		"H\nuser:a,reed,video/raw,allow":    `did you mean "read"?`,
		"H\nuser:a,*,video/raw,allow":       "line 2: invalid: op",
		"H\nuser:a,read,Video,allow":        "line 2: invalid: feature key",
		"H\nuser:a,read,v,alow":             `expect "alow"`,
		"H\nuser:a,read,v,allow,,,x = = 1":  "line 2: invalid: rows",
		"H\nuser:a,read,v,deny,,,x = 1":     "there are none",
		"H\nuser:a,read,v,deny,,a: hash,":   "a name is enough",
		"H\nuser:a,read,v,allow,,a: hsh,":   "read, last4, hash",
		"H\nuser:a,read,v,allow,,a*,":       "want a name",
		"H\nrole:a,read,v,allow,group:b,,":  "only a user",
		"H\nuser:a,read,v,allow,,,,more":    "8 fields under 7 columns",
		"H\nuser:a,read,v,allow,\"a\"b":     "line 2: invalid",
		"H\nuser:a,read,v,allow,user:b,,":   "line 2: invalid: identity",
		"H\n\nuser:a,close,video/raw,allow": "line 3: invalid: op",
	} {
		table, err := rbac.ParseExpectations(strings.Replace(text, "H\n", "identity,op,feature,expect,groups,columns,rows\n", 1))
		if !errors.Is(err, core.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if strings.HasPrefix(text, "H") && !strings.Contains(text, "more") && !strings.Contains(text, `"a"b`) && len(policy(t, expectedPolicy).Unmet(table)) != 1 {
			t.Errorf("%q: what makes no sense is met", text)
		}
	}
	_, err := rbac.ParseExpectations("identity,op,feature,expect\nann,read,v,allow\nuser:a,reed,v,allow\n")
	if err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("two mistakes: %v", err)
	}
}
