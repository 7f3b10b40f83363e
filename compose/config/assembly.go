package config

import (
	"errors"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/catalog"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// assembly is what the layers of one store open, hand out, and leave to be
// closed.
type assembly struct {
	reg    *Registry // nil when the program's is not known
	reads  bool      // a drawing that may read files of text
	shared *shared

	closers []func() error
	bind    []func(base core.Store) error // what waits for the backend

	crypto   *tap
	keyFile  *keys.File
	subjects *keys.Subjects
	access   *rbac.RBAC
	policy   *rbac.Policy
	trail    *audit.Log
	catalog  *catalog.Keeper
	late     *lateCatalog
	recorder rbac.Recorder
	lenient  bool // the recorder may fail
}

// shared is what the stores of one stack have in common.
type shared struct {
	subjects map[string]*keys.Subjects // by path: a process has one for each file
	trails   map[string]string         // which store writes a directory
}

func newShared() *shared {
	return &shared{subjects: map[string]*keys.Subjects{}, trails: map[string]string{}}
}

// later closes something when the stack is closed, the last one first.
func (a *assembly) later(f func() error) {
	if f != nil {
		a.closers = append(a.closers, f)
	}
}

// close gives up what was opened for a stack that was not built.
func (a *assembly) close() error {
	var errs []error
	for _, f := range slices.Backward(a.closers) {
		errs = append(errs, f())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// bound gives the backend to what waits for it.
func (a *assembly) bound(base core.Store) error {
	var errs []error
	for _, f := range a.bind {
		errs = append(errs, f(base))
	}
	return errors.Join(errs...)
}

// subjectsAt opens a file of subjects once.
func (s *shared) subjectsAt(path string) (*keys.Subjects, error) {
	if open, ok := s.subjects[path]; ok {
		return open, nil
	}
	open, err := keys.OpenSubjects(path)
	if err == nil {
		s.subjects[path] = open
	}
	return open, err
}

// logger is where layers report what no caller is told: the program's, or
// standard error.
func (e Env) logger() *zap.Logger {
	if e.Logger != nil {
		return e.Logger.With(zap.String("store", e.Store))
	}
	l, err := newLogger(Values{of: map[string]any{"level": zapcore.InfoLevel.String()}}, nil)
	if err != nil {
		return zap.NewNop()
	}
	return l.With(zap.String("store", e.Store))
}

// tap keeps the store that a crypto layer stands on.
type tap struct {
	layer *crypto.Crypto
	below core.Store
}

var _ core.Layer = (*tap)(nil)

// Info is the layer's.
func (t *tap) Info() core.LayerInfo { return t.layer.Info() }

// Wrap is the layer's.
func (t *tap) Wrap(next core.Store) (core.Store, error) {
	t.below = next
	return t.layer.Wrap(next)
}
