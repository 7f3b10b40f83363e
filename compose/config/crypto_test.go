package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
	"github.com/metaxy-go/metaxy/layers/crypto"
)

// stored is what is under a crypto table: the names of the columns, and of the
// city the form of a value and whether equal ones can be seen.
type stored struct {
	schema string
	size   int
	second byte // of a value: the algorithm
	equal  bool // two Oslos have one ciphertext
}

func (w *world) stored(table string) stored {
	w.t.Helper()
	o := w.open(encrypted+table, "prod")
	if err := w.some(w.t.Context(), o.Stack); err != nil {
		w.t.Fatal(err)
	}
	rows, err := w.kept.Read(w.t.Context(), core.ReadRequest{Key: people})
	if err != nil {
		w.t.Fatal(err)
	}
	var out stored
	var cities []string
	for _, f := range rows.Schema.Fields() {
		out.schema += f.Name + " "
	}
	for b, err := range rows.All() {
		if err != nil {
			w.t.Fatal(err)
		}
		cells, ok := b.Column(b.Schema().FieldIndices("city")[0]).(*array.Binary)
		if !ok {
			w.t.Fatalf("the city is stored as %s", b.Column(b.Schema().FieldIndices("city")[0]).DataType())
		}
		for i := range cells.Len() {
			out.size, out.second = max(out.size, len(cells.Value(i))), cells.Value(i)[1]
			cities = append(cities, string(cells.Value(i)))
		}
	}
	out.equal = len(cities) == 3 && (cities[0] == cities[2] || cities[0] == cities[1] || cities[1] == cities[2])
	return out
}

// Every key of a column changes what is stored.
func TestCryptoColumnKeys(t *testing.T) {
	seen := map[string]string{}
	for _, line := range []string{
		`column = "city"`, `column = "city", beacon = 8`, `column = "city", mode = "deterministic"`, `column = "city", hide_nulls = true`,
		`column = "city", algorithm = "aes256-gcm-siv"`, `column = "city", algorithm = "xchacha20-poly1305"`, `column = "city", algorithm = "xaes256-gcm"`,
		`column = "city", algorithm = "aes256-ctr-hmac-sha256"`, `column = "city", subject = "id"`,
	} {
		got := newWorld(t).stored("subjects = \"s.jsonl\"\ncolumns = [{ " + line + " }]\n")
		if got.size == 0 || got.equal != strings.Contains(line, "deterministic") {
			t.Errorf("%s: %+v", line, got)
		}
		key := got.schema + fmt.Sprint(got.size, got.second)
		if other, twice := seen[key]; twice {
			t.Errorf("%s is stored as %s is: %+v", line, other, got)
		}
		seen[key] = line
	}
}

// Of several rules for a column the last one counts, and each only for its
// features.
func TestCryptoFeatures(t *testing.T) {
	w := newWorld(t)
	got := w.stored("columns = [{ column = \"email\", features = \"audio/**\" }, \"city\", { column = \"city\", features = \"video/people\", mode = \"deterministic\" }]\n")
	if !got.equal {
		t.Errorf("%+v", got)
	}
	if text := strings.Join(w.lines(t.Context(), w.kept, "email"), ""); strings.Count(text, "canary") != 3 {
		t.Error("another feature's rule holds here:", text)
	}
}

func TestCryptoBoundAs(t *testing.T) {
	w := newWorld(t)
	o := w.open(encrypted+"columns = [{ column = \"city\", bound_as = \"town\" }]\n", "prod")
	if err := w.some(t.Context(), o.Stack); err != nil {
		t.Fatal(err)
	}
	read := func(opts ...crypto.ColumnOption) error {
		s, err := crypto.New(o.Keys, crypto.Column("**", "city", opts...)).Wrap(w.kept)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.Read(t.Context(), core.ReadRequest{Key: people})
		for _, e := range rows.All() {
			err = errors.Join(err, e)
		}
		return err
	}
	if err := read(crypto.BoundAs("town")); err != nil {
		t.Error(err)
	}
	if err := read(); !errors.Is(err, core.ErrIntegrity) {
		t.Error(err)
	}
}

func TestCryptoNoResidual(t *testing.T) {
	for flag, want := range map[string]error{"": nil, "no_residual = true\n": core.ErrUnsupported} {
		w := newWorld(t)
		o := w.open(encrypted+flag+"columns = \"city\"\n", "prod")
		if err := w.some(t.Context(), o.Stack); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Stack.Read(t.Context(), core.ReadRequest{Key: people, Filter: expr.Col("city").Eq("Oslo")}); !errors.Is(err, want) {
			t.Error(err)
		}
	}
}
