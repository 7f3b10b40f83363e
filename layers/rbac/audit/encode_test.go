package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// What users see: a change of the format shows here, and old lines must go on
// to be read.
func TestGolden(t *testing.T) {
	w := &encoder{at: place{Head: Head{Seq: 0}}}
	s, _ := keys(t)
	clock := ticking()
	w.link(clock(), Link{Chain: "00112233445566778899aabbccddeeff", File: 1})
	w.event(event(0))
	w.event(event(1))
	w.event(event(2))
	w.event(rbac.Event{Identity: "user:a\"\\\x1b[31m\u202eb\U0001F600\xff", Part: rbac.PartGrant, Time: start, Columns: []string{}})
	w.recovery(clock(), Recovery{Cut: 17, Digest: Digest{1, 2}, Lost: 1, Refused: 3})
	if err := w.checkpoint(s, clock(), ReasonClose); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "v1.jsonl")
	if os.Getenv("METAXY_UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, w.buf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.buf, want) {
		t.Errorf("got\n%s", w.buf)
	}
	_, v := keys(t)
	if r, err := Verify(t.Context(), path, v); err != nil || r.Events != 4 {
		t.Error(r, err)
	}
	for line := range bytes.Lines(want) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune{'"', '\\', '\n', 0, 'é', '\u2028', 0x1f600, 'a'}), 0, 20, -1))
	rapid.Check(t, func(t *rapid.T) {
		e := rbac.Event{
			Time: time.Unix(rapid.Int64Range(-1<<35, 1<<37).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Op:   core.Op(rapid.Uint8Range(0, 9).Draw(t, "op")), Identity: text.Draw(t, "identity"), Part: text.Draw(t, "part"),
			Feature: core.FeatureKey(text.Draw(t, "feature")), Filter: text.Draw(t, "filter"), Rows: rapid.Int64().Draw(t, "rows"),
			Decision: text.Draw(t, "decision"), Reason: text.Draw(t, "reason"), Outcome: text.Draw(t, "outcome"),
			Duration: time.Duration(rapid.Int64().Draw(t, "nanos")),
		}
		if rapid.Bool().Draw(t, "columns") {
			e.Columns = rapid.SliceOfN(text, 0, 4).Draw(t, "names")
		}
		w := encoder{at: place{Head: Head{Seq: rapid.Int64Range(0, 1<<40).Draw(t, "seq")}}}
		w.event(e)
		r, err := ParseLine(w.buf)
		if err != nil || !reflect.DeepEqual(r.Event, tidy(e)) || r.Seq != w.at.Seq || r.Hash != w.at.Hash {
			t.Fatalf("%+v\n%+v\n%s%v", tidy(e), r.Event, w.buf, err)
		}
		var generic struct {
			Identity string
			Columns  []string
		}
		if err := json.Unmarshal(w.buf, &generic); err != nil || generic.Identity != r.Event.Identity || !reflect.DeepEqual(generic.Columns, r.Event.Columns) {
			t.Fatalf("%+v, %v: %s", generic, err, w.buf)
		}
		if i := bytes.IndexFunc(w.buf[:len(w.buf)-1], func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Fatalf("byte %d is no printable ASCII", i)
		}
	})
}

// A caller cannot make a line that nobody can read.
func TestHostileEvent(t *testing.T) {
	huge := strings.Repeat("\xff\U0001F600", 1<<20)
	e := rbac.Event{Identity: huge, Part: huge, Feature: core.FeatureKey(huge), Filter: huge, Decision: huge, Reason: huge, Outcome: huge, Op: 200}
	for range 5000 {
		e.Columns = append(e.Columns, huge)
	}
	for _, at := range []time.Time{{}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0), time.Now()} {
		e.Time = at
		w := encoder{}
		w.event(e)
		if _, err := ParseLine(w.buf); err != nil || len(w.buf) > MaxLine {
			t.Errorf("%d bytes: %v", len(w.buf), err)
		}
	}
	if len(e.Columns[0]) != len(huge) || len(e.Columns) != 5000 {
		t.Error("the caller's event was changed")
	}
}

// Whatever a line holds, parsing it does not panic, and a line that parses is
// the one line that its record has.
func FuzzParseLine(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(golden) {
		f.Add(line[:len(line)-1-hashBytes])
	}
	var w encoder
	w.recovery(start, Recovery{Unsigned: 3})
	f.Add(w.buf[:len(w.buf)-1-hashBytes])
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := ParseLine(body); err == nil {
			t.Fatal("a line without a hash")
		}
		sealed := encoder{buf: bytes.Clone(body)}
		sealed.seal(0) // so that the fuzzer need not find SHA-256 backwards
		r, err := ParseLine(sealed.buf)
		if err != nil {
			return
		}
		again := encoder{at: place{Head: Head{Seq: r.Seq - 1, Hash: r.Prev}, chain: r.Checkpoint.Chain}}
		switch r.Kind {
		case KindEvent:
			if !reflect.DeepEqual(tidy(r.Event), r.Event) {
				return // longer than any that is written
			}
			again.event(r.Event)
		case KindLink:
			again.link(r.Time, r.Link)
		case KindRecovery:
			again.recovery(r.Time, r.Recovery)
		case KindCheckpoint:
			if err := again.checkpoint(echo(r.Checkpoint.Sig), r.Time, r.Checkpoint.Reason); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again.buf, sealed.buf) {
			t.Fatalf("two spellings:\n%s%s", sealed.buf, again.buf)
		}
	})
}

type echo []byte

func (e echo) Sign([]byte) ([]byte, error) { return e, nil }
