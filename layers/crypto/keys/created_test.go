package keys_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

// TestCreated: a key's time is that of its addition, in this process and the
// next, and a file that never kept it still opens.
func TestCreated(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "ring.keys")
	lock := keys.Passphrase([]byte("correct horse"))
	f, err := keys.Create(ctx, path, lock)
	if err != nil {
		t.Fatal(err)
	}
	first, err := f.Created(ctx)
	if err != nil || len(first) != 1 {
		t.Fatalf("%v %v", first, err)
	}
	id, err := f.Rotate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keys.Open(ctx, path, lock)
	if err != nil {
		t.Fatal(err)
	}
	both, err := again.Created(ctx)
	if err != nil || len(both) != 2 || both[id].IsZero() {
		t.Fatalf("%v %v", both, err)
	}
	for k, at := range first {
		if !both[k].Equal(at) {
			t.Errorf("key %d: %v became %v", k, at, both[k])
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	without := regexp.MustCompile(`(?s),\s*"created": \{[^}]*\}`).ReplaceAll(text, nil)
	if err := os.WriteFile(path, without, 0o600); err != nil || len(without) == len(text) {
		t.Fatal("the file keeps no times", err)
	}
	if again, err = keys.Open(ctx, path, lock); err != nil {
		t.Fatal(err)
	}
	if none, err := again.Created(ctx); err != nil || len(none) != 0 {
		t.Errorf("a file without times: %v %v", none, err)
	}
	id, err = again.Rotate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// A key whose time is not known is not given today's.
	if some, err := again.Created(ctx); err != nil || len(some) != 1 || some[id].IsZero() {
		t.Errorf("old keys: %v %v", some, err)
	}
}
