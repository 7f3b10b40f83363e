package crypto_test

import (
	"encoding/binary"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// TestLots: each process writes under keys of its own, and what it writes needs
// no word of it to be read.
func TestLots(t *testing.T) {
	ctx, path := t.Context(), t.TempDir()+"/ring.keys"
	if _, err := keys.Create(ctx, path, keys.Passphrase([]byte("p"))); err != nil {
		t.Fatal(err)
	}
	process := func() *keys.File {
		f, err := keys.Open(ctx, path, keys.Passphrase([]byte("p")))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	below := memory.New()
	defer below.Close()
	opts := []crypto.Option{crypto.Columns("email"), crypto.Column("**", "city", crypto.Deterministic())}
	first := process()
	writePeople(t, wrap(t, below, first, opts...), somePeople()[:2]...)
	writePeople(t, wrap(t, below, first, opts...), somePeople()[2:4]...)
	writePeople(t, wrap(t, below, process(), opts...), somePeople()[4:]...)

	lots := map[uint64]int{}
	rows, err := below.Read(ctx, core.ReadRequest{Key: people, Columns: []string{"email"}})
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		cells := b.Column(0).(*array.Binary)
		for row := range cells.Len() {
			if cells.IsValid(row) {
				if cells.Value(row)[0] != 2 {
					t.Errorf("format %d", cells.Value(row)[0])
				}
				lots[binary.BigEndian.Uint64(cells.Value(row)[2:])]++
			}
		}
	}
	if len(lots) != 2 {
		t.Errorf("two processes wrote %d lots", len(lots))
	}
	plain := memory.New()
	defer plain.Close()
	writePeople(t, plain, somePeople()...)
	got, want := mustRead(t, wrap(t, below, process(), opts...), core.ReadRequest{}), mustRead(t, plain, core.ReadRequest{})
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	if got := ids(t, wrap(t, below, process(), opts...), "city = 'Oslo' and email = 'ann@example.org'"); got != "p1 p4" {
		t.Errorf("found %q", got)
	}
}
