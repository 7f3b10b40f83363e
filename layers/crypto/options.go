package crypto

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// Option sets one property of the layer.
type Option func(*options)

// ColumnOption says how a column is protected.
type ColumnOption func(*rule)

type options struct {
	rules      []rule
	noResidual bool
}

// everything is the pattern of rules that hold for every feature.
const everything = "**"

// Columns protects columns of these names in every feature, with AES-256-GCM
// under a random nonce.
func Columns(names ...string) Option {
	return func(o *options) {
		for _, n := range names {
			Column(everything, n)(o)
		}
	}
}

// Column protects one column of the features that a pattern names: a key, or
// "video/*" for one part more, or "video/**" for any number. Where several
// rules name the same column of a feature the last one counts.
func Column(pattern, column string, opts ...ColumnOption) Option {
	return func(o *options) { o.add(pattern, []string{column}, opts) }
}

// Nested protects a field of a struct column in every feature, such as
// "profile.phone". The rest of the struct stays readable below.
func Nested(field string, opts ...ColumnOption) Option {
	return NestedIn(everything, field, opts...)
}

// NestedIn is Nested for the features that a pattern names.
func NestedIn(pattern, field string, opts ...ColumnOption) Option {
	return func(o *options) { o.add(pattern, strings.Split(field, "."), opts) }
}

// NoResidual refuses filters that storage cannot evaluate on ciphertext, with
// core.ErrUnsupported, instead of decrypting what else matches to find out.
func NoResidual() Option { return func(o *options) { o.noResidual = true } }

func (o *options) add(pattern string, column []string, opts []ColumnOption) {
	r := rule{pattern: pattern, path: column, mode: modeRandom, algorithm: keys.AES256GCM}
	for _, set := range opts {
		set(&r)
	}
	o.rules = append(o.rules, r)
}

// Random encrypts with a random nonce under an algorithm other than the
// default, AES-256-GCM.
func Random(a keys.Algorithm) ColumnOption {
	return func(r *rule) { r.mode, r.algorithm = modeRandom, a }
}

// Deterministic encrypts equal values to equal ciphertext (AES-SIV), so that
// equality and IN are still evaluated by storage. Storage learns which samples
// have the same value, and how many.
func Deterministic() ColumnOption {
	return func(r *rule) { r.mode, r.algorithm = modeDeterministic, keys.AES256SIV }
}

// Beacon keeps so many bits of a keyed hash beside a randomised column, so that
// equality and IN narrow down what is read; what the hash does not tell apart
// is told apart after decryption. Few bits hide more and read more; 1 to 32.
func Beacon(bits int) ColumnOption { return func(r *rule) { r.beacon = bits } }

// HideNulls encrypts nulls as well, so that storage does not learn which
// samples have a value.
func HideNulls() ColumnOption { return func(r *rule) { r.hideNulls = true } }

// BoundAs lists the names that values of the column may be bound to, when that
// is not the column's own name: after a rename the old name. What is new is
// bound to the first name that no other column of the feature has.
func BoundAs(names ...string) ColumnOption { return func(r *rule) { r.bound = names } }

// PerSubject encrypts each value under a secret of the person (or other
// subject) that another column of the row names, so that shredding that secret
// makes the values unreadable wherever they are. They then read as null. The
// subject's column must not be protected itself.
func PerSubject(subjects Subjects, column string) ColumnOption {
	return func(r *rule) { r.subjects, r.subject = subjects, column }
}

// UnsignedRecord believes a record of the column's type and mode without a MAC,
// as versions before it wrote them, in all that it says. It is needed for one
// kind of column: with HideNulls, and added by Evolve then, since without a MAC
// the record of any column could be made to say so. Evolve gives it a MAC when it
// next changes the column.
func UnsignedRecord() ColumnOption { return func(r *rule) { r.unsigned = true } }

func (o *options) check() error {
	var errs []error
	for _, r := range o.rules {
		if why := r.wrong(); why != "" {
			errs = append(errs, fmt.Errorf("%w: crypto: column %q of %q: %s", core.ErrInvalid, r.name(), r.pattern, why))
		}
	}
	return errors.Join(errs...)
}

func (o *options) summary() string {
	var parts []string
	for _, r := range o.rules {
		text := r.name()
		if r.pattern != everything {
			text = r.pattern + ":" + text
		}
		if r.mode == modeDeterministic {
			text += " (deterministic)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// rule is one protected column as the options say it.
type rule struct {
	pattern   string
	path      []string
	mode      mode
	algorithm keys.Algorithm
	beacon    int
	hideNulls bool
	unsigned  bool
	bound     []string
	subjects  Subjects
	subject   string
}

func (r *rule) name() string { return strings.Join(r.path, ".") }

// bounds are the names that values may be bound to.
func (r *rule) bounds() []string {
	if len(r.bound) > 0 {
		return r.bound
	}
	return []string{r.name()}
}

func (r *rule) wrong() string {
	switch {
	case slices.Contains(r.path, ""):
		return "a part of the name is empty"
	case r.path[0] == core.ColDataVersion || core.IsReserved(r.path[0]) || isCompanion(r.path[0]):
		return "the store's own columns cannot be protected"
	case !goodPattern(r.pattern):
		return "the pattern is neither a key nor one that ends with /* or /**"
	case !r.algorithm.Valid() || (r.algorithm == keys.AES256SIV) != (r.mode == modeDeterministic):
		return fmt.Sprintf("algorithm %s does not fit the mode", r.algorithm)
	case r.beacon < 0 || r.beacon > 32:
		return "a beacon has 1 to 32 bits"
	case r.beacon > 0 && r.mode != modeRandom:
		return "a deterministic column needs no beacon"
	case (r.beacon > 0 || r.mode == modeDeterministic) && r.subject != "":
		return "a value under a subject's secret has neither equal ciphertext nor a beacon"
	case r.hideNulls && r.subject != "":
		return "what was shredded reads as null, so nulls under a subject's secret are not hidden"
	case (r.subjects == nil) != (r.subject == ""):
		return "PerSubject needs a store of subjects and a column"
	case r.subject != "" && r.subject == r.path[0]:
		return "a value cannot be its own subject"
	}
	return ""
}

func goodPattern(p string) bool {
	if p == everything {
		return true
	}
	base := strings.TrimSuffix(strings.TrimSuffix(p, "/**"), "/*")
	return core.FeatureKey(base).Validate() == nil
}

// matches reports whether the rule is for the feature.
func (r *rule) matches(key core.FeatureKey) bool {
	if r.pattern == everything {
		return true
	}
	if base, ok := strings.CutSuffix(r.pattern, "/**"); ok {
		return strings.HasPrefix(string(key), base+"/")
	}
	if base, ok := strings.CutSuffix(r.pattern, "/*"); ok {
		return path.Dir(string(key)) == base
	}
	return r.pattern == string(key)
}

// of lists the rules of a feature, the last one for each column.
func (o *options) of(key core.FeatureKey) []*rule {
	var out []*rule
	for i := range o.rules {
		r := &o.rules[i]
		if !r.matches(key) {
			continue
		}
		out = slices.DeleteFunc(out, func(x *rule) bool { return slices.Equal(x.path, r.path) })
		out = append(out, r)
	}
	return out
}
