package config

import (
	"time"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
)

// Values are a table's checked values, defaults filled in.
type Values struct {
	of      map[string]any
	written *section
}

// Written reports whether a key stands in the file, here or in a table that
// this one extends.
func (v Values) Written(key string) bool {
	if v.written == nil {
		return false
	}
	_, ok := v.written.raw[key]
	return ok
}

// Text gives a string; of a path the absolute one.
func (v Values) Text(key string) string { s, _ := v.of[key].(string); return s }

// Flag gives a boolean.
func (v Values) Flag(key string) bool { b, _ := v.of[key].(bool); return b }

// Number gives an integer, and the bytes of a Size.
func (v Values) Number(key string) int64 { n, _ := v.of[key].(int64); return n }

// Duration gives a duration.
func (v Values) Duration(key string) time.Duration { d, _ := v.of[key].(time.Duration); return d }

// TextList gives a list.
func (v Values) TextList(key string) []string { l, _ := v.of[key].([]string); return l }

// Secret gives what a SecretRef refers to; it is read when it is revealed.
func (v Values) Secret(key string) Secret { s, _ := v.of[key].(Secret); return s }

// Table gives a table in the table; ok is false when it is not there.
func (v Values) Table(key string) (t Values, ok bool) {
	t, ok = v.of[key].(Values)
	return t, ok
}

// Tables gives a list of tables.
func (v Values) Tables(key string) []Values { l, _ := v.of[key].([]Values); return l }

// Errorf makes a mistake at the place of a key, or of the table.
func (v Values) Errorf(key, format string, args ...any) error {
	return v.at(key).Errorf(format, args...)
}

// failed gives an error the place of a key and leaves its kind as it is.
func (v Values) failed(key string, err error) error {
	if err == nil {
		return nil
	}
	return &placed{where: v.at(key).String() + ": " + key, err: err}
}

// failedURL is failed without the secrets that a URL holds.
func (v Values) failedURL(key, url string, err error) error {
	return &placed{where: v.at(key).String() + ": " + key, secrets: secretsOf(url), err: err}
}

func (v Values) at(key string) tomltree.Pos {
	if v.written == nil {
		return tomltree.Pos{}
	}
	if pos, ok := v.written.at[key]; ok {
		return pos
	}
	return v.written.pos
}

// path is the name of the table, such as stores.dev.cache.
func (v Values) path() string {
	if v.written == nil {
		return ""
	}
	return v.written.path
}
