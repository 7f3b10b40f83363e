package crypto_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/metaxy-go/metaxy/backends/memory"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

var updateStored = flag.Bool("update-stored", false, "write testdata/stored2.* anew")

// storedSchema has a column for each way of protecting one, and for types that
// strings do not stand for.
func storedSchema(more ...arrow.Field) *arrow.Schema {
	text := arrow.BinaryTypes.String
	return arrow.NewSchema(append([]arrow.Field{
		{Name: "id", Type: text},
		{Name: "person", Type: text, Nullable: true},
		{Name: "email", Type: text, Nullable: true},
		{Name: "city", Type: text, Nullable: true},
		{Name: "owner", Type: text, Nullable: true},
		{Name: "age", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		{Name: "notes", Type: text, Nullable: true},
		{Name: "profile", Type: arrow.StructOf(arrow.Field{Name: "phone", Type: text, Nullable: true}, arrow.Field{Name: "lang", Type: text, Nullable: true}), Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "price", Type: &arrow.Decimal128Type{Precision: 12, Scale: 2}, Nullable: true},
		{Name: "tags", Type: arrow.ListOf(text), Nullable: true},
		{Name: "ok", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: core.ColDataVersion, Type: core.DataVersionType([]string{"face"})},
	}, more...), nil)
}

func storedPlan(t *testing.T) *core.Plan {
	t.Helper()
	g, err := core.NewGraph(core.NewFeature("video/stored", core.ID("id"), core.Container("face")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Plan("video/stored")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func storedOptions(subjects *keys.Subjects, late ...crypto.ColumnOption) []crypto.Option {
	det := crypto.Deterministic()
	return []crypto.Option{
		crypto.Column("**", "email", crypto.HideNulls()), crypto.Column("**", "city", crypto.Beacon(5)), crypto.Column("**", "owner", det),
		crypto.Column("**", "age", det, crypto.HideNulls()), crypto.Column("**", "notes", crypto.PerSubject(subjects, "person")),
		crypto.Nested("profile.phone"), crypto.Columns("at", "price", "tags", "ok"), crypto.Column("**", "late", append(late, crypto.HideNulls())...),
	}
}

// TestStored reads what was stored by every version of the format, subjects and
// all: a column for each mode, a field of a struct, types that are no strings, a
// widened column and one that was added late.
func TestStored(t *testing.T) {
	file, err := keys.Open(t.Context(), "testdata/format1.keys", keys.Passphrase([]byte("fixture passphrase")))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := file.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *updateStored {
		writeStored(t, ring, "testdata/stored2")
	}
	want, err := os.ReadFile("testdata/stored.golden")
	if err != nil {
		t.Fatal(err)
	}
	for name, late := range map[string][]crypto.ColumnOption{
		"testdata/stored1": {crypto.UnsignedRecord()}, // records had no MAC
		"testdata/stored2": nil,
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name + ".subjects")
			if err != nil {
				t.Fatal(err)
			}
			subjects, err := keys.OpenSubjects(fileOf(t, text))
			if err != nil {
				t.Fatal(err)
			}
			below := loadStored(t, name+".arrow")
			s := wrap(t, below, ring, storedOptions(subjects, late...)...)
			read := core.ReadRequest{Key: "video/stored"}
			got := strings.Join(mustRead(t, s, read), "\n") + "\n"
			if got != string(want) {
				t.Errorf("read\n%s\nwant\n%s", got, want)
			}
			for filter, want := range map[string]string{
				"owner = 'ann'": `id="p1" id="p2"`, "age = 31": `id="p1" id="p4"`, "city = 'Oslo'": `id="p1" id="p4"`, "notes IS NULL": `id="p3" id="p4"`,
				"email IS NULL": `id="p3"`, "profile.phone = '+49-2'": `id="p2"`, "late = 'here'": `id="p2"`,
			} {
				read.Columns, read.Filter = []string{"id"}, parsed(t, filter)
				if got := strings.Join(mustRead(t, s, read), " "); got != want {
					t.Errorf("%s gives %s, want %s", filter, got, want)
				}
			}
			use, err := crypto.New(ring, storedOptions(subjects, late...)...).SubjectUse(t.Context(), below, "video/stored", "person-2")
			if err != nil || use["notes"] != 1 {
				t.Error(use, err)
			}
			if _, errs, err := subjects.Secrets(t.Context(), ring, []string{"person-3"}, false); err != nil || !errors.Is(errs[0], keys.ErrShredded) {
				t.Error(errs, err)
			}
		})
	}
}

// loadStored gives a store that holds what a file of Arrow IPC does.
func loadStored(t *testing.T, path string) core.Store {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ipc.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var batches []arrow.RecordBatch
	for r.Next() {
		b := r.RecordBatch()
		b.Retain()
		batches = append(batches, b)
	}
	to := memory.New()
	t.Cleanup(func() { _ = to.Close() })
	if _, err := to.Write(t.Context(), core.WriteRequest{Plan: storedPlan(t), Rows: core.RowsOf(r.Schema(), batches...)}); err != nil {
		t.Fatal(err)
	}
	return to
}

// writeStored makes the files of one version.
func writeStored(t *testing.T, ring *keys.Ring, name string) {
	t.Helper()
	path := t.TempDir() + "/subjects"
	subjects, err := keys.OpenSubjects(path)
	if err != nil {
		t.Fatal(err)
	}
	below := memory.New()
	defer below.Close()
	s := wrap(t, below, ring, storedOptions(subjects)...)
	write := func(schema *arrow.Schema, rows string) {
		b, _, err := array.RecordFromJSON(allocator(), schema, strings.NewReader("["+rows+"]"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(t.Context(), core.WriteRequest{Plan: storedPlan(t), Rows: core.RowsOf(schema, b)}); err != nil {
			t.Fatal(err)
		}
	}
	write(storedSchema(), `
		{"id":"p1","person":"person-1","email":"ann@example.org","city":"Oslo","owner":"ann","age":31,"notes":"ä","profile":{"phone":"+49-1","lang":"de"},
		 "at":"2024-02-29T12:00:00.000001Z","price":"1234567890.12","tags":["a",null,""],"ok":true,"data_version":{"face":"v1"}}`)
	_, err = s.Evolve(t.Context(), core.EvolveRequest{Key: "video/stored", Base: 1, Changes: []core.SchemaChange{
		{Kind: core.WidenColumn, Column: "age", Type: arrow.PrimitiveTypes.Int64}, {Kind: core.AddColumn, Column: "late", Type: arrow.BinaryTypes.String},
	}})
	if err != nil {
		t.Fatal(err)
	}
	fields := storedSchema(arrow.Field{Name: "late", Type: arrow.BinaryTypes.String, Nullable: true}).Fields()
	fields[5].Type = arrow.PrimitiveTypes.Int64
	write(arrow.NewSchema(fields, nil), `
		{"id":"p2","person":"person-2","email":"bob@example.org","city":"Rome","owner":"ann","age":4294967296,"notes":"two","profile":{"phone":"+49-2","lang":"it"},
		 "at":"1969-12-31T23:59:59Z","price":"-0.01","tags":[],"ok":false,"data_version":{"face":"v2"},"late":"here"},
		{"id":"p3","person":"person-3","email":null,"city":null,"owner":null,"age":null,"notes":"three","profile":null,
		 "at":null,"price":null,"tags":null,"ok":null,"data_version":{"face":"v3"},"late":null},
		{"id":"p4","person":null,"email":"","city":"Oslo","owner":"","age":31,"notes":null,"profile":{"phone":null,"lang":"de"},
		 "at":"2024-01-01T00:00:00Z","price":"0.00","tags":["long"],"ok":true,"data_version":{"face":"v4"},"late":""}`)
	if err := subjects.Shred(t.Context(), ring, "person-3"); err != nil {
		t.Fatal(err)
	}
	rows, err := below.Read(t.Context(), core.ReadRequest{Key: "video/stored"})
	if err != nil {
		t.Fatal(err)
	}
	batches, err := rows.Collect()
	if err != nil {
		t.Fatal(err)
	}
	defer core.ReleaseAll(batches)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(rows.Schema))
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err := errors.Join(err, w.Close(), os.WriteFile(name+".arrow", out.Bytes(), 0o600), os.WriteFile(name+".subjects", text, 0o600)); err != nil {
		t.Fatal(err)
	}
}
