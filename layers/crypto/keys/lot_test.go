package keys

import (
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/metaxy-go/metaxy/core"
)

// TestNoLotIsTooLarge: however writers ask, at once too, no derived key encrypts
// more values than a lot has, so there is no key whose values must be counted
// over commits or processes.
func TestNoLotIsTooLarge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLots()
		l.size = rapid.Int64Range(1, 50).Draw(rt, "size")
		var mu sync.Mutex
		used := map[cached]map[uint64]int64{}
		var wg sync.WaitGroup
		for range rapid.IntRange(1, 4).Draw(rt, "writers") {
			of := cached{AES256GCM, uint32(rapid.IntRange(1, 2).Draw(rt, "key")), Scope{Column: rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "column")}}
			asks := rapid.SliceOfN(rapid.Int64Range(0, l.size), 0, 30).Draw(rt, "asks")
			wg.Go(func() {
				for _, n := range asks {
					number, err := l.take(of, int(n))
					if err != nil || number == 0 {
						t.Errorf("lot %d: %v", number, err)
						return
					}
					mu.Lock()
					if used[of] == nil {
						used[of] = map[uint64]int64{}
					}
					used[of][number] += n
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		seen := map[uint64]bool{}
		for of, byLot := range used {
			for number, n := range byLot {
				if n > l.size {
					rt.Errorf("%v: %d values in a lot of %d", of, n, l.size)
				}
				if seen[number] {
					rt.Errorf("two keys have lot %d", number)
				}
				seen[number] = true
			}
		}
	})
}

// TestLotsHaveKeysOfTheirOwn: what one lot encrypted opens under no other, nor
// under the key that the column had before there were lots.
func TestLotsHaveKeysOfTheirOwn(t *testing.T) {
	ring, err := New()
	if err != nil {
		t.Fatal(err)
	}
	scope := Scope{Purpose: "cell", Feature: "f", Column: "c"}
	for _, a := range []Algorithm{AES256GCM, AES256GCMSIV} {
		one, err := ring.Lot(a, ring.Primary(), scope, lotValues)
		if err != nil {
			t.Fatal(err)
		}
		two, err := ring.Lot(a, ring.Primary(), scope, 1)
		if err != nil || one.Number == two.Number {
			t.Fatalf("a full lot goes on: %v", err)
		}
		more, err := ring.Lot(a, ring.Primary(), scope, 1)
		if err != nil || more.Number != two.Number {
			t.Errorf("a lot with room ended: %v", err)
		}
		sealed, err := one.Cipher.Encrypt([]byte("plain"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := two.Cipher.Decrypt(sealed, nil); err == nil {
			t.Error("another lot opened it")
		}
		before, _ := ring.Cipher(a, ring.Primary(), scope)
		if _, err := before.Decrypt(sealed, nil); err == nil {
			t.Error("the key without a lot opened it")
		}
		again := scope
		again.Lot = one.Number
		reader, err := ring.Cipher(a, ring.Primary(), again)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reader.Decrypt(sealed, nil); err != nil || string(got) != "plain" {
			t.Errorf("%q %v", got, err)
		}
	}
	for _, a := range []Algorithm{XChaCha20Poly1305, AES256SIV, 0} {
		if _, err := ring.Lot(a, ring.Primary(), scope, 1); !errors.Is(err, core.ErrInvalid) {
			t.Errorf("%s: %v", a, err)
		}
	}
	if _, err := ring.Lot(AES256GCM, ring.Primary(), scope, lotValues+1); !errors.Is(err, core.ErrInvalid) {
		t.Errorf("too many at once: %v", err)
	}
	if _, err := ring.Lot(AES256GCM, 1, scope, 1); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown key: %v", err)
	}
}
