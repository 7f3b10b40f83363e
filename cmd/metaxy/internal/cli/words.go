package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/rowio"
)

// near adds to the error about a feature that is not held what may be meant.
func (a *app) near(ctx context.Context, s core.Store, key core.FeatureKey, err error) error {
	if !errors.Is(err, core.ErrFeatureNotFound) {
		return err
	}
	held := s.List(ctx, core.ListRequest{Local: a.local})
	if a.opened != nil && a.opened.Access != nil {
		held = func(func(core.Info, error) bool) {} // the trail is for what somebody asked
	}
	var there []string
	for info, lerr := range held {
		if lerr != nil {
			return err // the error at hand says more
		}
		if info.Key == key && info.Origin != "" {
			return fmt.Errorf("%w: it is held by %s, which this store falls back to", err, info.Origin)
		}
		there = append(there, string(info.Key))
	}
	if g, gerr := a.declaredOrNone(); gerr == nil {
		if _, ok := g.Feature(key); ok {
			return fmt.Errorf("%w: it is declared, and this store holds nothing of it yet", err)
		}
		for _, k := range g.Keys() {
			there = append(there, string(k))
		}
	}
	return fmt.Errorf("%w%s", err, didYouMean(string(key), there))
}

// shellWord quotes what a shell would take apart.
func shellWord(text string) string {
	if !strings.ContainsAny(text, " \t\n'\"\\$`&|;<>()*?[]{}!#~") {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// formatsHelp lists formats for the text of a flag, as the errors do.
func formatsHelp(formats []rowio.Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// typesHelp lists the types of columns on two lines.
func typesHelp() string {
	names := rowio.TypeNames()
	half := len(names)/2 + 1
	return "TYPE is one of " + strings.Join(names[:half], ", ") + ",\n" + strings.Join(names[half:], ", ") + "."
}
