package crypto_test

import (
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

var recordText = base32.HexEncoding.WithPadding(base32.NoPadding)

// forgedName changes the record in a companion's name; other names stay.
func forgedName(t testing.TB, name string, change func([]byte) []byte) string {
	t.Helper()
	text, ok := strings.CutPrefix(name, "mxsealed_")
	if !ok {
		return name
	}
	b, err := recordText.DecodeString(strings.ToUpper(text))
	if err != nil {
		t.Fatal(err)
	}
	return "mxsealed_" + strings.ToLower(recordText.EncodeToString(change(b)))
}

// flags changes the flags of a record.
func flags(off, on byte) func([]byte) []byte {
	return func(b []byte) []byte { b[2] = b[2]&^off | on; return b }
}

// unsigned makes a record one of the first format, which had no MAC, and then
// changes it.
func unsigned(change func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte { b[0] = 1; return change(b[:len(b)-10]) }
}

func asItIs(b []byte) []byte { return b }

// forged is what is below with records changed, and with a column's values gone
// if one is named.
func forged(t testing.TB, below core.Store, gone string, change func([]byte) []byte) core.Store {
	t.Helper()
	return relay(t, below, func(b arrow.RecordBatch) arrow.RecordBatch {
		b = renamed(b, func(n string) string { return forgedName(t, n, change) })
		columns := slices.Clone(b.Columns())
		for i, f := range b.Schema().Fields() {
			if f.Name == gone {
				columns[i] = array.MakeArrayOfNull(allocator(), f.Type, int(b.NumRows()))
			}
		}
		return array.NewRecordBatch(b.Schema(), columns, b.NumRows())
	})
}

// TestHiddenNullsCannotBeSwitchedOff: who writes storage cannot take a value
// away by saying in the record that nulls are not hidden, or came late.
func TestHiddenNullsCannotBeSwitchedOff(t *testing.T) {
	below := memory.New()
	defer below.Close()
	ring := newRing(t)
	rule := crypto.Column("**", "email", crypto.HideNulls())
	writePeople(t, wrap(t, below, ring, rule), somePeople()...)
	const hide, late = 1, 2
	for what, change := range map[string]func([]byte) []byte{
		"as it was":                    asItIs,
		"no longer hidden":             flags(hide, 0),
		"late":                         flags(0, late),
		"late and no longer hidden":    flags(hide, late),
		"without a MAC":                unsigned(asItIs),
		"without a MAC, not hidden":    unsigned(flags(hide, 0)),
		"without a MAC, late":          unsigned(flags(0, late)),
		"without a MAC, late, visible": unsigned(flags(hide, late)),
	} {
		s := wrap(t, forged(t, below, "email", change), ring, rule)
		lines, err := readLines(t, s, core.ReadRequest{Columns: []string{"id", "email"}})
		if !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("%s: %v %v, want ErrIntegrity", what, lines, err)
		}
		lines, err = readLines(t, s, core.ReadRequest{Columns: []string{"id"}, Filter: parsed(t, "email IS NULL")})
		if !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("%s, in a filter: %v %v, want ErrIntegrity", what, lines, err)
		}
		if lines, err := readLines(t, s, core.ReadRequest{Columns: []string{"id"}}); err != nil || len(lines) != 5 {
			t.Errorf("%s, other columns: %v %v", what, lines, err)
		}
	}
}

// TestForgedModes: nothing that the record says can be changed, with a rule or,
// as long as it has its MAC, without.
func TestForgedModes(t *testing.T) {
	ring := newRing(t)
	subjects, err := keys.OpenSubjects(t.TempDir() + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	for what, rule := range map[string]crypto.Option{
		"random": crypto.Columns("email"), "deterministic": crypto.Column("**", "email", crypto.Deterministic()),
		"beacon": crypto.Column("**", "email", crypto.Beacon(3)), "subject": crypto.Column("**", "email", crypto.PerSubject(subjects, "id")),
	} {
		below := memory.New()
		defer below.Close()
		writePeople(t, wrap(t, below, ring, rule), somePeople()...)
		for name, change := range map[string]func([]byte) []byte{
			"mode":                func(b []byte) []byte { b[1] = 3 - b[1]; return b },
			"hidden nulls":        func(b []byte) []byte { b[2] ^= 1; return b },
			"late":                flags(0, 2),
			"widened":             flags(0, 8),
			"beacon":              func(b []byte) []byte { b[3]++; return b },
			"the MAC":             func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			"mode, no MAC":        unsigned(func(b []byte) []byte { b[1] = 3 - b[1]; return b }),
			"beacon, no MAC":      unsigned(func(b []byte) []byte { b[3]++; return b }),
			"hidden nulls no MAC": unsigned(func(b []byte) []byte { b[2] ^= 1; return b }),
		} {
			over := forged(t, below, "email", change)
			for _, opts := range [][]crypto.Option{{rule}, nil} {
				if len(opts) == 0 && (strings.Contains(name, "no MAC") || what == "subject") {
					continue // nothing anchors it
				}
				s := wrap(t, over, ring, opts...)
				if lines, err := readLines(t, s, core.ReadRequest{Columns: []string{"email"}}); !errors.Is(err, core.ErrIntegrity) {
					t.Errorf("%s, %s, %d rules: %v %v", what, name, len(opts), lines, err)
				}
				r := core.EvolveRequest{Key: people, Base: 1, Changes: []core.SchemaChange{{Kind: core.WidenColumn, Column: "email", Type: arrow.BinaryTypes.LargeString}}}
				if _, err := s.Evolve(t.Context(), r); !errors.Is(err, core.ErrIntegrity) {
					t.Errorf("%s, %s, %d rules: evolve signed it: %v", what, name, len(opts), err)
				}
				_, err := crypto.New(ring, opts...).Reencrypt(t.Context(), over, planOf(t, people), 10, nil)
				if !errors.Is(err, core.ErrIntegrity) {
					t.Errorf("%s, %s, %d rules: encrypted again: %v", what, name, len(opts), err)
				}
			}
		}
	}
}

// TestRecordsWithoutMAC: what was written before records had a MAC is read,
// written and evolved as it was. Only a record that switches a check off is
// believed by a rule alone, and signed with the next change.
func TestRecordsWithoutMAC(t *testing.T) {
	below := memory.New()
	defer below.Close()
	ring := newRing(t)
	rules := []crypto.Option{crypto.Columns("email"), crypto.Column("**", "age", crypto.Deterministic(), crypto.HideNulls()), crypto.Column("**", "new", crypto.HideNulls())}
	s := wrap(t, below, ring, rules...)
	writePeople(t, s, somePeople()...)
	want := mustRead(t, s, core.ReadRequest{})
	old := forged(t, below, "", unsigned(asItIs))
	s = wrap(t, old, ring, rules...)
	if got := mustRead(t, s, core.ReadRequest{}); !slices.Equal(got, want) {
		t.Errorf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	writePeople(t, s, person("p6", "flo@example.org", int64(31), nil, "v6"))
	if got := ids(t, s, "age = 31 AND email LIKE '%@%'"); got != "p1 p6" {
		t.Errorf("the filter gives %q", got)
	}
	evolve := func(s core.Store, base int, c core.SchemaChange) {
		t.Helper()
		if _, err := s.Evolve(t.Context(), core.EvolveRequest{Key: people, Base: base, Changes: []core.SchemaChange{c}}); err != nil {
			t.Fatal(err)
		}
	}
	evolve(s, 1, core.SchemaChange{Kind: core.AddColumn, Column: "new", Type: arrow.PrimitiveTypes.Int32})
	if got := formats(t, old); got != "age:1 email:1 new:2" {
		t.Errorf("the records are %s", got)
	}
	late := companionsOf(t, old)["new"]
	evolve(old, 2, core.SchemaChange{Kind: core.RenameColumn, Column: late, To: forgedName(t, late, unsigned(asItIs))})
	read := core.ReadRequest{Columns: []string{"id", "new"}}
	if lines, err := readLines(t, s, read); !errors.Is(err, core.ErrIntegrity) || !strings.Contains(err.Error(), "UnsignedRecord") {
		t.Errorf("a late column without a MAC: %v %v", lines, err)
	}
	s = wrap(t, old, ring, append(rules, crypto.Column("**", "new", crypto.HideNulls(), crypto.UnsignedRecord()))...)
	if lines, err := readLines(t, s, read); err != nil || len(lines) != 6 {
		t.Errorf("one that is believed: %v %v", lines, err)
	}
	evolve(s, 3, core.SchemaChange{Kind: core.WidenColumn, Column: "new", Type: arrow.PrimitiveTypes.Int64})
	if got := formats(t, old); got != "age:1 email:1 new:2" {
		t.Errorf("the records are %s", got)
	}
	if lines, err := readLines(t, wrap(t, old, ring, rules...), read); err != nil || len(lines) != 6 {
		t.Errorf("signed by now: %v %v", lines, err)
	}
}

// companionsOf finds the companions by the column that they stand beside.
func companionsOf(t testing.TB, below core.Store) map[string]string {
	t.Helper()
	info, err := below.Stat(t.Context(), core.StatRequest{Key: people})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range info.Schema.Fields() {
		forgedName(t, f.Name, func(b []byte) []byte {
			out[string(b[6:6+b[5]])] = f.Name
			return b
		})
	}
	return out
}

// formats tells the version of each record.
func formats(t testing.TB, below core.Store) string {
	t.Helper()
	var out []string
	for column, name := range companionsOf(t, below) {
		forgedName(t, name, func(b []byte) []byte {
			out = append(out, column+":"+string('0'+rune(b[0])))
			return b
		})
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
