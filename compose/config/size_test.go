package config

import "testing"

func TestSuggestSize(t *testing.T) {
	for text, want := range map[string]string{
		"256mb": `; did you mean "256MB"?`, "256MiBs": `; did you mean "256MiB"?`, "1 G": `; did you mean "1GiB"?`,
		"99999999999GiB": "", "lots": "", "3 apples": "", "-1GiB": "",
	} {
		if got := suggestSize(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// An escaped dollar sign begins no variable.
func TestUnsetSkipsEscapes(t *testing.T) {
	c := &Config{getenv: func(string) (string, bool) { return "", false }}
	if got := unset(c, "duckdb://$${FOO}/${BAR}/$$$${X}"); len(got) != 1 || got[0] != "BAR" {
		t.Errorf("unset variables %v, want BAR alone", got)
	}
}
