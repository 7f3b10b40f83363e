// Package featurefile reads and writes feature declarations as TOML.
//
//	[features."video/raw"]
//	containers = { frames = "1", audio = "1" }
//
//	[features."video/crop"]
//	description = "the face, cut out of every frame"
//
//	[[features."video/crop".depends_on]]
//	feature = "video/raw"
//	where   = "duration > 10"
//
//	[features."video/crop".containers.frames]
//	code = "2"
//	from = ["video/raw:frames"]
//
// A file says what core.NewFeature says in Go and core.NewGraph validates both
// alike. What a file adds is places: an unknown key, a value of the wrong type,
// a filter that does not parse or a declaration that the graph refuses is
// reported with file, line and column. All errors match core.ErrInvalid, but
// for files that cannot be opened.
package featurefile

import (
	"errors"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/compose/internal/tomltree"
	"github.com/metaxy-go/metaxy/core"
)

// Load reads the features that the files declare, in their order.
func Load(paths ...string) ([]core.FeatureSpec, error) {
	f, err := load(paths)
	if err != nil {
		return nil, err
	}
	return f.specs, nil
}

// LoadGraph reads the files and validates their features together.
func LoadGraph(paths ...string) (*core.Graph, error) {
	f, err := load(paths)
	if err != nil {
		return nil, err
	}
	return f.graph()
}

// Parse reads the features of one document; name stands for the file in
// messages.
func Parse(name string, data []byte) ([]core.FeatureSpec, error) {
	root, err := tomltree.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var f file
	if err := f.read(root); err != nil {
		return nil, err
	}
	return f.specs, nil
}

// ParseGraph reads the features of one document and validates them together.
func ParseGraph(name string, data []byte) (*core.Graph, error) {
	root, err := tomltree.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var f file
	if err := f.read(root); err != nil {
		return nil, err
	}
	return f.graph()
}

// file collects declarations and where they stand.
type file struct {
	specs  []core.FeatureSpec
	places []tomltree.Pos // of specs
}

func load(paths []string) (*file, error) {
	var f file
	var errs []error
	for _, path := range paths {
		root, err := tomltree.Load(path)
		if err == nil {
			err = f.read(root)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &f, nil
}

// graph validates, and gives each complaint the place of the feature that it
// names.
func (f *file) graph() (*core.Graph, error) {
	g, err := core.NewGraph(f.specs...)
	if err == nil {
		return g, nil
	}
	places := f.byKey()
	all := parts(err)
	for i, e := range all {
		if pos, ok := place(e.Error(), places); ok {
			all[i] = &tomltree.Error{Pos: pos, Err: e}
		}
	}
	return nil, errors.Join(all...)
}

// parts takes apart what errors.Join put together, and leaves other errors
// that wrap several as they are.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var lines []string
	for _, e := range joined.Unwrap() {
		lines = append(lines, e.Error())
	}
	if strings.Join(lines, "\n") != err.Error() {
		return []error{err}
	}
	return slices.Clone(joined.Unwrap())
}

// byKey gives each feature's place. Of one declared twice it is the second.
func (f *file) byKey() map[string]tomltree.Pos {
	places := make(map[string]tomltree.Pos, len(f.specs))
	for i, s := range f.specs {
		places[string(s.Key)] = f.places[i]
	}
	return places
}

// place finds the declaration that a message of the graph is about: that of the
// first feature which it names.
func place(message string, places map[string]tomltree.Pos) (tomltree.Pos, bool) {
	for at := range message {
		for _, form := range []struct{ before, after string }{{"feature ", ": "}, {"circle: ", " "}, {`key "`, `"`}} {
			rest, ok := strings.CutPrefix(message[at:], form.before)
			if !ok {
				continue
			}
			if end := strings.IndexAny(rest, form.after); end >= 0 {
				if pos, ok := places[rest[:end]]; ok {
					return pos, true
				}
			}
		}
	}
	return tomltree.Pos{}, false
}
