package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func cryptoKind() LayerKind {
	return LayerKind{
		Table: "crypto",
		Doc:   "encrypts columns: plaintext above, ciphertext in storage",
		Keys: []Key{
			{Name: "keyset", Kind: File, Required: true, Doc: "file of the keys, encrypted; `metaxy keys create` makes it"},
			{Name: "passphrase", Kind: SecretRef, Doc: "what the file of the keys is encrypted with"},
			{Name: "kms", Kind: URL, Doc: "instead of a passphrase: a key of a key service, such as `aws-kms://…`, which encrypts the file of the keys"},
			{Name: "subjects", Kind: Path, Doc: "file of the secrets of single subjects, made when it is first needed"},
			{Name: "no_residual", Kind: Flag, Doc: "refuse filters that storage cannot evaluate on ciphertext, instead of decrypting more than the answer"},
			{Name: "columns", Kind: Tables, Short: "column", Required: true, Keys: cryptoColumnKeys(), Doc: "what is encrypted: tables, or names of columns, which are then encrypted in every feature"},
		},
		open: openCrypto,
	}
}

func cryptoColumnKeys() []Key {
	return []Key{
		{Name: "column", Doc: "name of the column"},
		{Name: "field", Doc: "instead of a column: a field of a struct column, such as `profile.phone`; the rest stays readable"},
		{Name: "features", Default: "**", Doc: "which features: a key, `video/*` for one part more, `video/**` for any number, `**` for all; of several rules for a column the last one counts"},
		{Name: "mode", Default: "random", Choices: []string{"random", "deterministic"}, Doc: "whether equal values have different ciphertext, or the same, so that storage can compare them"},
		{Name: "algorithm", Choices: algorithmNames(), Doc: "how values are encrypted: `aes256-gcm` when random, `aes256-siv` when deterministic"},
		{Name: "beacon", Kind: Number, Doc: "bits of a keyed hash, 1 to 32, kept beside random ciphertext so that equality narrows down what is read (0: none)"},
		{Name: "hide_nulls", Kind: Flag, Doc: "encrypt nulls as well"},
		{Name: "subject", Doc: "column that names whose value it is: shredding that subject's secret makes the values unreadable; needs `subjects`"},
		{Name: "bound_as", Kind: TextList, Doc: "names that values of the column may be bound to: after a rename the old one"},
	}
}

// algorithms are the names that a file uses.
func algorithms() []keys.Algorithm {
	return []keys.Algorithm{keys.AES256GCM, keys.AES256GCMSIV, keys.XChaCha20Poly1305, keys.XAES256GCM, keys.AES256CTRHMAC, keys.AES256SIV}
}

func algorithmName(a keys.Algorithm) string { return strings.ToLower(a.String()) }

func algorithmNames() []string {
	var names []string
	for _, a := range algorithms() {
		names = append(names, algorithmName(a))
	}
	return names
}

// openCrypto makes the layer and opens its keys.
func openCrypto(ctx context.Context, v Values, env Env) (core.Layer, error) {
	own := env.own
	errs := []error{checkLock(v, own.reg)}
	subjects, err := openSubjects(v, env)
	errs = append(errs, err)
	var opts []crypto.Option
	if v.Flag("no_residual") {
		opts = append(opts, crypto.NoResidual())
	}
	if len(v.Tables("columns")) == 0 {
		errs = append(errs, v.Errorf("columns", "columns: nothing would be encrypted: name columns, or write crypto = false"))
	}
	for _, column := range v.Tables("columns") {
		option, err := cryptoColumn(column, subjects)
		if err == nil {
			err = judge(column, option)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		opts = append(opts, option)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var provider crypto.KeyProvider = closedKeys{}
	if !env.Drawing {
		if own.keyFile, err = openKeys(ctx, v, env); err != nil {
			return nil, err
		}
		provider = own.keyFile
	}
	own.crypto = &tap{layer: crypto.New(provider, opts...)}
	return own.crypto, nil
}

// openKeys opens the file of the keys.
func openKeys(ctx context.Context, v Values, env Env) (*keys.File, error) {
	k, err := keysOf(ctx, v, env.own.reg, env.Store)
	if err != nil {
		return nil, err
	}
	env.own.later(k.Close)
	file, err := k.Open(ctx)
	if err != nil {
		return nil, v.failed("keyset", err)
	}
	return file, nil
}

// openSubjects opens the file of subjects if some column needs it.
func openSubjects(v Values, env Env) (crypto.Subjects, error) {
	path := v.Text("subjects")
	needed := slices.ContainsFunc(v.Tables("columns"), func(c Values) bool { return c.Text("subject") != "" })
	switch {
	case needed && path == "":
		return nil, v.Errorf("columns", `columns: a column with a subject needs a file of their secrets: write subjects = "path"`)
	case !needed:
		return nil, nil //nolint:nilnil // nothing asks for it
	case env.Drawing:
		return closedKeys{}, nil
	}
	s, err := env.own.shared.subjectsAt(path)
	if err != nil {
		return nil, v.failed("subjects", err)
	}
	env.own.subjects = s
	return s, nil
}

// cryptoColumn makes the option of one of the columns.
func cryptoColumn(v Values, subjects crypto.Subjects) (crypto.Option, error) {
	column, field := v.Text("column"), v.Text("field")
	if (column == "") == (field == "") {
		return nil, v.Errorf("", "columns: want either a column or a field of one")
	}
	opts, err := columnOptions(v, subjects)
	if err != nil {
		return nil, err
	}
	if field != "" {
		return crypto.NestedIn(v.Text("features"), field, opts...), nil
	}
	return crypto.Column(v.Text("features"), column, opts...), nil
}

func columnOptions(v Values, subjects crypto.Subjects) ([]crypto.ColumnOption, error) {
	var opts []crypto.ColumnOption
	deterministic := v.Text("mode") == "deterministic"
	name := v.Text("algorithm")
	switch {
	case deterministic && name != "" && name != algorithmName(keys.AES256SIV):
		return nil, v.Errorf("algorithm", "algorithm: deterministic encryption is %s", algorithmName(keys.AES256SIV))
	case !deterministic && name == algorithmName(keys.AES256SIV):
		return nil, v.Errorf("algorithm", `algorithm: %s is deterministic: write mode = "deterministic"`, name)
	case deterministic:
		opts = append(opts, crypto.Deterministic())
	case name != "":
		i := slices.Index(algorithmNames(), name)
		opts = append(opts, crypto.Random(algorithms()[i]))
	}
	if v.Written("beacon") {
		opts = append(opts, crypto.Beacon(int(v.Number("beacon"))))
	}
	if v.Flag("hide_nulls") {
		opts = append(opts, crypto.HideNulls())
	}
	if names := v.TextList("bound_as"); len(names) > 0 {
		opts = append(opts, crypto.BoundAs(names...))
	}
	if subject := v.Text("subject"); subject != "" && subjects != nil {
		opts = append(opts, crypto.PerSubject(subjects, subject))
	}
	return opts, nil
}

// judge lets the layer say what is wrong with one column, at its place.
func judge(v Values, option crypto.Option) error {
	if _, err := crypto.New(closedKeys{}, option).Wrap(memory.New()); err != nil {
		return v.Errorf("", "%w", err)
	}
	return nil
}

// closedKeys stand for keys and subjects while nothing may be opened.
type closedKeys struct{}

// Ring has none.
func (closedKeys) Ring(context.Context) (*keys.Ring, error) { return nil, errClosedKeys }

// Secrets has none.
func (closedKeys) Secrets(context.Context, *keys.Ring, []string, bool) ([]string, []error, error) {
	return nil, nil, errClosedKeys
}

var errClosedKeys = fmt.Errorf("%w: the keys of a drawing are not opened", core.ErrUnsupported)
