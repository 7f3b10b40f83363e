package featurefile

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/metaxy-go/metaxy/core"
)

// Marshal writes features as a document that Parse reads back to the same
// declarations. A declaration that no file can express is an error that matches
// core.ErrInvalid.
func Marshal(features ...core.FeatureSpec) ([]byte, error) {
	var b bytes.Buffer
	for i, f := range features {
		if i > 0 {
			b.WriteByte('\n')
		}
		if err := encode(&b, f); err != nil {
			return nil, fmt.Errorf("%w: feature %q: %w", core.ErrInvalid, string(f.Key), err)
		}
	}
	if !utf8.Valid(b.Bytes()) {
		return nil, fmt.Errorf("%w: a declaration holds text that is not UTF-8", core.ErrInvalid)
	}
	return b.Bytes(), nil
}

// Encode writes what Marshal gives.
func Encode(w io.Writer, features ...core.FeatureSpec) error {
	doc, err := Marshal(features...)
	if err != nil {
		return err
	}
	_, err = w.Write(doc)
	return err
}

func encode(b *bytes.Buffer, f core.FeatureSpec) error {
	head := "features." + quote(string(f.Key))
	fmt.Fprintf(b, "[%s]\n", head)
	if len(f.ID) > 0 {
		fmt.Fprintf(b, "id = %s\n", list(f.ID))
	}
	if f.Description != "" {
		fmt.Fprintf(b, "description = %s\n", quote(f.Description))
	}
	if len(f.Metadata) > 0 {
		fmt.Fprintf(b, "metadata = %s\n", inline(f.Metadata))
	}
	for _, d := range f.Deps {
		if err := encodeDependency(b, head, d); err != nil {
			return err
		}
	}
	for _, c := range f.Containers {
		if c.Independent && len(c.From) > 0 {
			return fmt.Errorf("container %q depends on nothing and on %q", c.Name, string(c.From[0].Feature))
		}
		fmt.Fprintf(b, "\n[%s.containers.%s]\n", head, key(c.Name))
		if c.Code != "" {
			fmt.Fprintf(b, "code = %s\n", quote(c.Code))
		}
		if c.Independent || len(c.From) > 0 {
			fmt.Fprintf(b, "from = %s\n", list(sources(c.From)))
		}
	}
	return nil
}

func encodeDependency(b *bytes.Buffer, head string, d core.Dependency) error {
	fmt.Fprintf(b, "\n[[%s.depends_on]]\nfeature = %s\n", head, quote(string(d.Feature)))
	if d.Optional {
		b.WriteString("optional = true\n")
	}
	if len(d.Rename) > 0 {
		fmt.Fprintf(b, "rename = %s\n", inline(d.Rename))
	}
	if d.Select != nil {
		fmt.Fprintf(b, "select = %s\n", list(d.Select))
	}
	if d.Filter != nil {
		fmt.Fprintf(b, "where = %s\n", quote(d.Filter.String()))
	}
	switch {
	case d.Lineage == core.OneToOne && len(d.On) == 0:
	case d.Lineage == core.Aggregation && len(d.On) == 0:
		b.WriteString("aggregate = true\n")
	case d.Lineage == core.Aggregation:
		fmt.Fprintf(b, "aggregate = %s\n", list(d.On))
	case d.Lineage == core.Expansion && len(d.On) == 0:
		b.WriteString("expand = true\n")
	default:
		return fmt.Errorf("dependency %q: lineage %s grouped on columns", string(d.Feature), d.Lineage)
	}
	return nil
}

func sources(from []core.Source) []string {
	var out []string
	for _, s := range from {
		if len(s.Containers) == 0 {
			out = append(out, string(s.Feature))
		}
		for _, c := range s.Containers {
			out = append(out, string(s.Feature)+":"+c)
		}
	}
	return out
}

func list(items []string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func inline(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, key(k)+" = "+quote(m[k]))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// key writes a key bare where TOML allows it.
func key(s string) string {
	bare := s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
	if bare {
		return s
	}
	return quote(s)
}

// quote writes a string so that it reads well: as it is between single quotes
// when it holds double ones, with escapes otherwise.
func quote(s string) string {
	control := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0
	if !control && strings.ContainsAny(s, `"\`) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(r)):
			b.WriteByte(s[i]) // Marshal finds what is not UTF-8
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
