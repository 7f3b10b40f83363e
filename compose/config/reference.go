package config

import (
	"fmt"
	"strings"
)

// keysOfFile are the keys outside the tables of stores.
func keysOfFile() []Key {
	return []Key{
		{Name: "default", Doc: "the store that is meant when none is named"},
		{Name: "features", Kind: TextList, Doc: "files that declare features"},
		{Name: "stores", Kind: Table, Doc: "a table for each store"},
	}
}

// Reference lists every table and key as Markdown, with layers beside those of
// this module.
func Reference(kinds ...LayerKind) string {
	var b strings.Builder
	chapter(&b, "The file", "", keysOfFile())
	chapter(&b, "[stores.NAME]", "A key that is neither of these nor the name of a layer's table is a mistake.", keysOfStore())
	for _, k := range choose(builtin(), kinds) {
		tables(&b, Key{Name: "stores.NAME." + k.Table, Kind: Table, Doc: k.Doc, Keys: k.Keys})
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// tables lists a table and those in it.
func tables(b *strings.Builder, t Key) {
	title := "[" + t.Name + "]"
	if t.Kind == Tables {
		title = "[" + title + "]"
	}
	chapter(b, title, strings.ToUpper(t.Doc[:min(1, len(t.Doc))])+t.Doc[min(1, len(t.Doc)):]+".", t.Keys)
	for _, k := range t.Keys {
		if k.Kind == Table || k.Kind == Tables {
			k.Name = t.Name + "." + k.Name
			tables(b, k)
		}
	}
}

func chapter(b *strings.Builder, title, text string, keys []Key) {
	if strings.HasPrefix(title, "[") {
		title = "`" + title + "`"
	}
	fmt.Fprintf(b, "### %s\n\n", title)
	if text != "" {
		fmt.Fprintf(b, "%s\n\n", text)
	}
	if len(keys) == 0 {
		b.WriteString("It has no keys.\n\n")
		return
	}
	b.WriteString("| key | value | default | |\n|---|---|---|---|\n")
	for _, k := range keys {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.Name, k.values(), k.standard(), k.Doc)
	}
	b.WriteString("\n")
}

// values says what the key may be.
func (k Key) values() string {
	if len(k.Choices) > 0 {
		return "`" + strings.Join(k.Choices, "`, `") + "`"
	}
	s := k.Kind.String()
	if k.Positive {
		s += ", more than zero"
	}
	return s
}

// standard gives the default as it would be written.
func (k Key) standard() string {
	switch {
	case k.Required:
		return "required"
	case k.Default != "":
		return "`" + k.Default + "`"
	case k.Kind == Flag:
		return "`false`"
	case (k.Kind == Number || k.Kind == Size) && !k.Positive:
		return "`0`"
	case k.Kind == Duration && !k.Positive:
		return "`0s`"
	}
	return "none"
}
