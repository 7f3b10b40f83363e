package version_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core/version"
)

type vector struct {
	Preimage      string `json:"preimage"`
	SHA256        string `json:"sha256"`
	InnerPreimage string `json:"inner_preimage"`
	InnerSHA256   string `json:"inner_sha256"`
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/metaxy_base_9f14d3b3.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Vectors
}

// parse turns a preimage without escapes into what Compile and Append take.
func parse(t *testing.T, preimage string) (version.Container, [][]byte) {
	t.Helper()
	parts := strings.Split(preimage, "|")
	c := version.Container{Name: parts[0], Code: parts[1]}
	var versions [][]byte
	for i := 2; i+1 < len(parts); i += 2 {
		feature, container, ok := strings.Cut(parts[i], "/")
		if !ok {
			t.Fatalf("no input in %q", parts[i])
		}
		c.Inputs = append(c.Inputs, version.Input{Feature: feature, Container: container})
		versions = append(versions, []byte(parts[i+1]))
	}
	return c, versions
}

func TestGoldenVectors(t *testing.T) {
	all := vectors(t)
	if len(all) != 26 {
		t.Fatalf("%d vectors, want 26", len(all))
	}
	built := 0
	for _, v := range all {
		if v.InnerPreimage != "" {
			// Not this scheme's construction; the same hash and digits.
			for preimage, want := range map[string]string{v.InnerPreimage: v.InnerSHA256, v.Preimage: v.SHA256} {
				g := version.SHA256.Group()
				g.Add([]byte(preimage)) // a group of one plain version is the hash of it
				if got := string(g.Append(nil)); got != want {
					t.Errorf("%s: got %s, want %s", preimage, got, want)
				}
			}
			continue
		}
		built++
		c, versions := parse(t, v.Preimage)
		if got := string(version.SHA256.Compile(c).Append(nil, versions)); got != v.SHA256 {
			t.Errorf("%s: got %s, want %s", v.Preimage, got, v.SHA256)
		}
		// The order of the inputs is the scheme's business.
		for i, j := 0, len(versions)-1; i < j; i, j = i+1, j-1 {
			versions[i], versions[j] = versions[j], versions[i]
			c.Inputs[i], c.Inputs[j] = c.Inputs[j], c.Inputs[i]
		}
		if got := string(version.SHA256.Compile(c).Append(nil, versions)); got != v.SHA256 {
			t.Errorf("%s, inputs reversed: got %s, want %s", v.Preimage, got, v.SHA256)
		}
	}
	if built != 20 {
		t.Errorf("%d vectors are built by the scheme, want 20", built)
	}
}

// A second level hashes the hexadecimal text of the first.
func TestMerkle(t *testing.T) {
	up := version.SHA256.Compile(version.Container{Name: "default", Code: "1", Inputs: []version.Input{
		{Feature: "upstream_a", Container: "frames"}, {Feature: "upstream_a", Container: "audio"},
	}})
	first := up.Append(nil, [][]byte{[]byte("hash_a1_frames"), []byte("hash_a1_audio")})
	if want := "ab657b0686e72d308af0426ec5edff823d76645f367cb0f079ad494b3583b2e4"; string(first) != want {
		t.Fatalf("got %s, want %s", first, want)
	}
	top := version.SHA256.Compile(version.Container{Name: "default", Code: "2", Inputs: []version.Input{{Feature: "downstream", Container: "default"}}})
	if got, want := string(top.Append(nil, [][]byte{first})), "ec2e2567d998de2ad339d008d89a7968c15c349da7d429e97fd6c0a38fae71f1"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// hash is the construction written down a second time.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestEscapes(t *testing.T) {
	h := version.SHA256.Compile(version.Container{Name: "c", Code: "1", Inputs: []version.Input{{Feature: "f", Container: "x"}, {Feature: "f", Container: "y"}}})
	got := string(h.Append(nil, [][]byte{[]byte(`a|b`), []byte(`\`)}))
	if want := hash(`c|1|f/x|a\|b|f/y|\\`); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestGroup(t *testing.T) {
	g := version.SHA256.Group()
	for range 2 { // the second group must not see the first
		for _, v := range []string{"a", "", `b|\`} {
			g.Add([]byte(v))
		}
		if got, want := string(g.Append([]byte("x"))), "x"+hash(`a||b\|\\`); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// join writes versions as a preimage holds them.
func join(versions []string) string {
	var b []byte
	for _, v := range versions {
		b = append(version.AppendEscaped(append(b, "|f/x|"...), []byte(v)), "\n"...)
	}
	return string(b)
}

func TestDifferentInputsNeverShareAPreimage(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune(`|\/ab`)), 0, 6, -1)
	list := rapid.SliceOfN(text, 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := list.Draw(t, "a"), list.Draw(t, "b")
		if fmt.Sprintf("%q", a) != fmt.Sprintf("%q", b) && len(a) == len(b) {
			if grouped(a) == grouped(b) {
				t.Fatalf("%q and %q make the same group", a, b)
			}
			if join(a) == join(b) {
				t.Fatalf("%q and %q make the same preimage", a, b)
			}
		}
	})
}

func grouped(versions []string) string {
	g := version.SHA256.Group()
	for _, v := range versions {
		g.Add([]byte(v))
	}
	return string(g.Append(nil))
}

// FuzzEscape reads back what was escaped, so nothing is lost or shared.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a", "|", `\`, `\|`, `a\\|b`, "é\x00\xff"} {
		f.Add([]byte(s), []byte(`b|`))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		text := version.AppendEscaped(append(version.AppendEscaped(nil, a), '|'), b)
		var parts [2][]byte
		at := 0
		for i := 0; i < len(text); i++ {
			switch text[i] {
			case '|':
				if at++; at > 1 {
					t.Fatalf("%q has a bare separator", text)
				}
				continue
			case '\\':
				i++
			}
			parts[at] = append(parts[at], text[i])
		}
		if string(parts[0]) != string(a) || string(parts[1]) != string(b) {
			t.Fatalf("%q and %q come back as %q", a, b, parts)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	c, versions := parse(t, vectors(t)[0].Preimage)
	h, dst := version.SHA256.Compile(c), make([]byte, 0, 64)
	h.Append(dst, versions)
	if n := testing.AllocsPerRun(100, func() { h.Append(dst, versions) }); n != 0 {
		t.Fatalf("%v allocations a hash", n)
	}
}

func BenchmarkHash(b *testing.B) {
	for _, inputs := range []int{1, 2, 8} {
		b.Run(fmt.Sprintf("inputs=%d", inputs), func(b *testing.B) {
			c := version.Container{Name: "default", Code: "1"}
			var versions [][]byte
			for i := range inputs {
				c.Inputs = append(c.Inputs, version.Input{Feature: "bench.root", Container: fmt.Sprint("c", i)})
				versions = append(versions, []byte(hash(fmt.Sprint(i))))
			}
			h, dst := version.SHA256.Compile(c), make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				dst = h.Append(dst[:0], versions)
			}
		})
	}
}

func ExampleScheme() {
	h := version.SHA256.Compile(version.Container{Name: "default", Code: "1", Inputs: []version.Input{
		{Feature: "upstream_a", Container: "audio"}, {Feature: "upstream_a", Container: "frames"},
	}})
	fmt.Println(string(h.Append(nil, [][]byte{[]byte("hash_a1_audio"), []byte("hash_a1_frames")})))
	// Output: ab657b0686e72d308af0426ec5edff823d76645f367cb0f079ad494b3583b2e4
}
