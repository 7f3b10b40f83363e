package keys_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func ExampleCreate() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx, lock := context.Background(), keys.Passphrase([]byte("from a secret store"))
	path := filepath.Join(dir, "ring.keys")
	if _, err := keys.Create(ctx, path, lock); err != nil {
		fmt.Println(err)
		return
	}
	file, err := keys.Open(ctx, path, lock)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := file.Rotate(ctx); err != nil {
		fmt.Println(err)
		return
	}
	ring, err := file.Ring(ctx)
	fmt.Println(len(ring.Keys()), ring.Keys()[1].Primary, err)
	// Output: 2 true <nil>
}

func ExampleNew() {
	ring, err := keys.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	old := ring.Primary()
	ring, _, err = ring.Rotate() // another ring: one never changes
	fmt.Println(len(ring.Enabled()), ring.Primary() == old, err)
	// Output: 2 false <nil>
}

func ExampleOpenSubjects() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ring, err := keys.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	subjects, err := keys.OpenSubjects(filepath.Join(dir, "subjects"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(subjects.Shred(context.Background(), ring, "person-17"))
	// Output: <nil>
}
