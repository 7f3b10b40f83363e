package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// everyType has one type of each kind, nested ones included.
func everyType() []arrow.DataType {
	var out []arrow.DataType
	for k := kind(1); k < kindList; k++ {
		if t := plainType(k); t != nil {
			out = append(out, t)
		}
	}
	text := arrow.BinaryTypes.String
	st := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int16, Nullable: true}, arrow.Field{Name: "b", Type: arrow.ListOf(text)})
	return append(out,
		&arrow.FixedSizeBinaryType{ByteWidth: 5}, arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us,
		arrow.FixedWidthTypes.Time64ns, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Berlin"}, &arrow.TimestampType{Unit: arrow.Second},
		arrow.FixedWidthTypes.Duration_ms, &arrow.Decimal32Type{Precision: 9, Scale: 2}, &arrow.Decimal64Type{Precision: 18, Scale: -3},
		&arrow.Decimal128Type{Precision: 38, Scale: 10}, &arrow.Decimal256Type{Precision: 76, Scale: 0}, arrow.ListOf(st), arrow.ListOfNonNullable(text),
		arrow.LargeListOf(arrow.PrimitiveTypes.Float32), arrow.FixedSizeListOf(3, arrow.FixedWidthTypes.Boolean), st, arrow.MapOf(text, st),
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: text, Ordered: true},
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int64, ValueType: arrow.PrimitiveTypes.Int32}, arrow.ListOf(arrow.BinaryTypes.StringView),
	)
}

func TestRecordKeepsEveryType(t *testing.T) {
	for i, typ := range everyType() {
		m := mark{mode: modeDeterministic, flags: flagHideNulls | flagNullable, beacon: 7, path: []string{"a", "ö.\x00"}, bound: "a.b", subject: "s", typ: typ}
		if i%2 == 0 {
			m.mac = []byte("0123456789")
		}
		name, err := m.companion()
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		got, err := parseMark(name)
		if err != nil || !arrow.TypeEqual(got.typ, typ) || got.bound != m.bound || got.flags != m.flags || got.path[1] != m.path[1] || got.beacon != 7 || got.subject != "s" || !bytes.Equal(got.mac, m.mac) {
			t.Errorf("%s came back as %s (%v)", typ, got.typ, err)
		}
		for i := range name[len(companionPrefix):] {
			if _, err := parseMark(name[:len(companionPrefix)+i]); !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%s: cut at %d: %v", typ, i, err)
			}
		}
	}
}

// TestCanonicalBytes: random arrays of every type, sliced, come back as they
// were from their bytes.
func TestCanonicalBytes(t *testing.T) {
	for _, typ := range everyType() {
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(0, 6).Draw(rt, "rows")
			s := newSink(typ, n)
			for range n {
				draw(rt, typ, s, true)
			}
			data, err := s.finish()
			if err != nil {
				rt.Fatal(err)
			}
			defer data.Release()
			arr := array.MakeFromData(data)
			defer arr.Release()
			from := rapid.IntRange(0, n).Draw(rt, "from")
			sliced := array.NewSlice(arr, int64(from), int64(n))
			defer sliced.Release()
			v, err := valueOf(sliced)
			if err != nil {
				rt.Fatal(err)
			}
			cells := make([][]byte, sliced.Len())
			for row := range cells {
				if !v.null(row) {
					cells[row] = v.append([]byte{}, row)
				}
			}
			back, err := build(typ, cellsOf(cells...))
			if err != nil {
				rt.Fatalf("%s: %v", typ, err)
			}
			defer back.Release()
			again, err := valueOf(back)
			if err != nil || !arrow.TypeEqual(back.DataType(), typ) || back.Len() != sliced.Len() {
				rt.Fatalf("%s came back as %s (%v)", typ, back.DataType(), err)
			}
			for row, c := range cells {
				if again.null(row) != (c == nil) || c != nil && !bytes.Equal(again.append([]byte{}, row), c) {
					rt.Fatalf("%s: %v came back as %v", typ, sliced, back)
				}
			}
		})
	}
}

// draw puts a random value of a type.
func draw(rt *rapid.T, t arrow.DataType, s sink, nullable bool) {
	if t.ID() == arrow.NULL || nullable && rapid.IntRange(0, 3).Draw(rt, "null") == 0 {
		s.null()
		return
	}
	data := drawBytes(rt, t)
	if !s.put(data) {
		rt.Fatalf("%s does not take %x", t, data)
	}
}

func drawBytes(rt *rapid.T, t arrow.DataType) []byte {
	element := func(out []byte, t arrow.DataType, nullable bool) []byte {
		if t.ID() == arrow.NULL || nullable && rapid.Bool().Draw(rt, "null") {
			return append(out, 0)
		}
		b := drawBytes(rt, t)
		out = appendUvarint(out, uint64(len(b)+1))
		return append(out, b...)
	}
	switch t := t.(type) {
	case *arrow.BooleanType:
		return []byte{boolByte(rapid.Bool().Draw(rt, "bool"))}
	case *arrow.DictionaryType:
		return drawBytes(rt, t.ValueType)
	case *arrow.StructType:
		var out []byte
		for _, f := range t.Fields() {
			out = element(out, f.Type, f.Nullable)
		}
		return out
	case *arrow.MapType:
		return appendUvarint(nil, 0)
	case arrow.ListLikeType:
		n := rapid.IntRange(0, 3).Draw(rt, "elements")
		if f, ok := t.(*arrow.FixedSizeListType); ok {
			n = int(f.Len())
		}
		out := appendUvarint(nil, uint64(n))
		for range n {
			out = element(out, t.Elem(), t.ElemField().Nullable)
		}
		return out
	case arrow.FixedWidthDataType:
		if t.BitWidth()%8 == 0 && t.ID() != arrow.STRING_VIEW && t.ID() != arrow.BINARY_VIEW {
			return rapid.SliceOfN(rapid.Byte(), t.BitWidth()/8, t.BitWidth()/8).Draw(rt, "fixed")
		}
	}
	return []byte(rapid.StringN(0, 200, 300).Draw(rt, "text"))
}

func appendUvarint(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b, v = append(b, byte(v)|0x80), v>>7
	}
	return append(b, byte(v))
}

// fixture is one value of a format that must always be readable.
type fixture struct {
	Algorithm keys.Algorithm `json:"algorithm"`
	Companion string         `json:"companion"` // records type and mode
	Cell      string         `json:"cell"`
	Seal      string         `json:"seal,omitempty"`
	Plain     string         `json:"plain"`
}

var updateFixtures = flag.Bool("update-fixtures", false, "write testdata/format2.json anew")

// fixtureRow is the row that every fixture is bound to.
func fixtureRow() arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String}, {Name: core.ColDataVersion, Type: core.DataVersionType([]string{"x", "a"})},
	}, nil))
	defer b.Release()
	b.Field(0).(*array.StringBuilder).Append("sample|1")
	v := b.Field(1).(*array.StructBuilder)
	v.Append(true)
	v.FieldBuilder(0).(*array.StringBuilder).Append("version-x")
	v.FieldBuilder(1).(*array.StringBuilder).Append("version-a")
	return b.NewRecordBatch()
}

func fixtureColumns(t testing.TB) []*column {
	t.Helper()
	var out []*column
	for a := keys.AES256GCM; a.Valid(); a++ {
		for _, typ := range []arrow.DataType{arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}} {
			m := mark{mode: modeRandom, flags: flagNullable, path: []string{"c"}, bound: "c", typ: typ}
			if a == keys.AES256SIV {
				m.mode = modeDeterministic
			}
			c, err := newColumn(m, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.rule = &rule{mode: m.mode, algorithm: a}
			out = append(out, c)
		}
	}
	return out
}

func plainOf(t arrow.DataType) []byte {
	if f, ok := t.(arrow.FixedWidthDataType); ok {
		return bytes.Repeat([]byte{0x1d}, f.BitWidth()/8)
	}
	return []byte("a plain text, ä")
}

// TestFixtures reads what was written by every version of the format. The
// second has lots where the algorithm wants them.
func TestFixtures(t *testing.T) {
	file, err := keys.Open(t.Context(), "testdata/format1.keys", keys.Passphrase([]byte("fixture passphrase")))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := file.Ring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if *updateFixtures {
		writeFixtures(t, ring)
	}
	for _, name := range []string{"testdata/format1.json", "testdata/format2.json"} {
		t.Run(name, func(t *testing.T) { testFixtures(t, ring, name) })
	}
}

func testFixtures(t *testing.T, ring *keys.Ring, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 18 {
		t.Fatalf("%d fixtures: %v", len(all), err)
	}
	b := fixtureRow()
	defer b.Release()
	rows, err := newRowBinder(b, []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		m, err := parseMark(f.Companion)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newColumn(m, nil)
		if err != nil {
			t.Fatal(err)
		}
		cell, _ := hex.DecodeString(f.Cell)
		seal, _ := hex.DecodeString(f.Seal)
		open := func(cell, seal []byte) ([]byte, error) {
			l := lens{opener: &opener{column: c, ring: ring, feature: "video/raw"}}
			return l.open(cell, rows, nil, func(int) []byte { return seal }, 0)
		}
		if plain, err := open(cell, seal); err != nil || hex.EncodeToString(plain) != f.Plain {
			t.Errorf("%s of %s: %x %v", f.Algorithm, m.typ, plain, err)
		}
		// Every flipped bit of a cell and of its seal is noticed.
		for i := range len(cell) * 8 {
			bad := bytes.Clone(cell)
			bad[i/8] ^= 1 << (i % 8)
			if plain, err := open(bad, seal); !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%s: bit %d of the cell: %x %v", f.Algorithm, i, plain, err)
			}
		}
		for i := range len(seal) * 8 {
			bad := bytes.Clone(seal)
			bad[i/8] ^= 1 << (i % 8)
			if plain, err := open(cell, bad); !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%s: bit %d of the seal: %x %v", f.Algorithm, i, plain, err)
			}
		}
		for i := range cell {
			if _, err := open(cell[:i], seal); !errors.Is(err, core.ErrIntegrity) {
				t.Errorf("%s: cut at %d: %v", f.Algorithm, i, err)
			}
		}
	}
}

func writeFixtures(t *testing.T, ring *keys.Ring) {
	t.Helper()
	b := fixtureRow()
	defer b.Release()
	rows, _ := newRowBinder(b, []string{"id"})
	var all []fixture
	for _, c := range fixtureColumns(t) {
		s := newSealer(c, ring, ring.Primary(), "video/raw")
		arr, err := build(c.typ, cellsOf(plainOf(c.typ)))
		if err != nil {
			t.Fatal(err)
		}
		v, _ := valueOf(arr)
		cell, seal, err := s.seal(v, rows, nil, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		arr.Release()
		all = append(all, fixture{s.algorithm, c.companion, hex.EncodeToString(cell.data), hex.EncodeToString(seal.data), hex.EncodeToString(plainOf(c.typ))})
	}
	text, _ := json.MarshalIndent(all, "", " ")
	if err := os.WriteFile("testdata/format2.json", append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzRecord(f *testing.F) {
	for _, typ := range everyType() {
		name, _ := mark{mode: modeRandom, path: []string{"c"}, bound: "c", typ: typ}.companion()
		f.Add(name)
		name, _ = mark{mode: modeRandom, path: []string{"c"}, bound: "c", typ: typ, mac: make([]byte, macBytes)}.companion()
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		m, err := parseMark(name)
		if err != nil {
			return
		}
		if again, err := m.companion(); err != nil || companionPrefix+name[max(0, len(name)-len(again)+len(companionPrefix)):] != again && name != again {
			t.Errorf("%q reads as what is written %q (%v)", name, again, err)
		}
	})
}

func FuzzCell(f *testing.F) {
	ring, err := keys.New()
	if err != nil {
		f.Fatal(err)
	}
	c, _ := newColumn(mark{mode: modeRandom, path: []string{"c"}, bound: "c", typ: arrow.BinaryTypes.String}, nil)
	b := fixtureRow()
	rows, _ := newRowBinder(b, []string{"id"})
	f.Add([]byte{1, 1, 1, 0, 0, 0, 0})
	f.Add(append([]byte{1, 1, 1}, bytes.Repeat([]byte{7}, 40)...))
	f.Add(append([]byte{2, 1, 9, 9, 9, 9, 9, 9, 9, 9, 1}, bytes.Repeat([]byte{7}, 40)...))
	f.Fuzz(func(t *testing.T, cell []byte) {
		l := lens{opener: &opener{column: c, ring: ring, feature: "video/raw"}}
		if _, err := l.open(cell, rows, nil, nil, 0); !errors.Is(err, core.ErrIntegrity) {
			t.Errorf("%x: %v", cell, err)
		}
	})
}

// FuzzBuild: bytes that are no value are an error, never a panic.
func FuzzBuild(f *testing.F) {
	types := everyType()
	f.Add(uint8(40), []byte{2, 1, 0})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		arr, err := build(types[int(which)%len(types)], cellsOf(append([]byte{}, data...)))
		if err == nil {
			_ = arr.String()
			arr.Release()
		}
	})
}

// cellsOf are values; nil is null.
func cellsOf(values ...[]byte) []*cells {
	c := newCells(len(values))
	for _, v := range values {
		c.data = append(c.data, v...)
		c.end(v != nil)
	}
	return []*cells{c}
}
