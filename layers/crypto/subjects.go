package crypto

import (
	"context"
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/ident"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// Subjects keeps one secret for each subject, until it is shredded:
// a *keys.Subjects, or anything else that does.
type Subjects interface {
	// Secrets gives the secrets of these subjects, and with create makes and
	// durably keeps those that are not there. A subject that was shredded is
	// keys.ErrShredded for its place in the answer and keeps being so; one that
	// never was has neither secret nor error.
	Secrets(ctx context.Context, ring *keys.Ring, subjects []string, create bool) ([]string, []error, error)
}

// subjectColumn is the subjects of a batch with their secrets.
type subjectColumn struct {
	of      []int // of each row the place in secrets, -1 for a null
	secrets []string
	errs    []error
}

// loadSubjects finds the secrets that a batch needs.
func loadSubjects(ctx context.Context, ring *keys.Ring, c *column, b arrow.RecordBatch, create bool) (*subjectColumn, error) {
	if c.subject == "" {
		return nil, nil
	}
	if c.rule == nil || c.rule.subjects == nil {
		return nil, invalidf("column %q is under secrets of subjects: the layer needs PerSubject for it", c.name())
	}
	at := b.Schema().FieldIndices(c.subject)
	if len(at) != 1 {
		return nil, invalidf("the rows lack %q, which names the subject of %q", c.subject, c.name())
	}
	ids, err := ident.Bind(b, []string{c.subject})
	if err != nil {
		return nil, invalidf("%w", err)
	}
	arr := b.Column(at[0])
	out := &subjectColumn{of: make([]int, b.NumRows())}
	seen := map[string]int{}
	var names []string
	var text []byte
	for row := range out.of {
		if isNull(arr, row) {
			out.of[row] = -1
			continue
		}
		text = ids.AppendText(text[:0], row)
		i, ok := seen[string(text)]
		if !ok {
			i = len(names)
			names = append(names, string(text))
			seen[string(text)] = i
		}
		out.of[row] = i
	}
	out.secrets, out.errs, err = c.rule.subjects.Secrets(ctx, ring, names, create)
	if err == nil && (len(out.secrets) != len(names) || len(out.errs) != len(names)) {
		err = invalidf("the store of subjects gave %d secrets for %d", len(out.secrets), len(names))
	}
	return out, unavailable(ctx, err)
}

// secret is the secret of a row's subject.
func (s *subjectColumn) secret(row int) (string, error) {
	i := s.of[row]
	switch {
	case i < 0:
		return "", ErrSubjectUnknown
	case s.errs[i] != nil:
		return "", s.errs[i]
	case s.secrets[i] == "":
		return "", ErrSubjectUnknown
	}
	return s.secrets[i], nil
}

// cipherOf gives the cipher of a row's subject for writing.
func (s *sealer) cipherOf(who *subjectColumn, row int) (keys.Cipher, error) {
	secret, err := who.secret(row)
	switch {
	case errors.Is(err, keys.ErrShredded):
		return nil, &core.Error{Op: core.OpWrite, Key: s.feature, Layer: name, Err: err}
	case err != nil:
		return nil, invalidf("row %d of a batch has a %q without a subject in %q", row+1, s.name(), s.subject)
	}
	return s.ring.Cipher(s.algorithm, s.key, cellScope(s.feature, s.column, secret))
}
