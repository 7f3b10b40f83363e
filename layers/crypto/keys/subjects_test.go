package keys_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func openSubjects(t *testing.T, path string) *keys.Subjects {
	t.Helper()
	s, err := keys.OpenSubjects(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A server that holds a secret in memory must neither read on nor write on with
// it after another process shredded it, nor bring it back when it writes the
// file itself.
func TestShreddedByAnotherProcess(t *testing.T) {
	ctx, ring := t.Context(), mustNew(t)
	path := filepath.Join(t.TempDir(), "subjects")
	server, operator := openSubjects(t, path), openSubjects(t, path)
	made, _, err := server.Secrets(ctx, ring, []string{"ann", "bob"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.Shred(ctx, ring, "ann"); err != nil {
		t.Fatal(err)
	}
	check := func(what string, s *keys.Subjects) {
		t.Helper()
		for _, create := range []bool{false, true} {
			got, errs, err := s.Secrets(ctx, ring, []string{"ann", "bob"}, create)
			if err != nil || !errors.Is(errs[0], keys.ErrShredded) || got[0] != "" || errs[1] != nil || got[1] != made[1] {
				t.Errorf("%s: %q %v %v", what, got, errs, err)
			}
		}
	}
	check("the server", server)
	if _, _, err := server.Secrets(ctx, ring, []string{"carl"}, true); err != nil {
		t.Fatal(err)
	}
	rotated, _, err := ring.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	ring = rotated
	if err := server.Rewrap(ctx, ring); err != nil {
		t.Fatal(err)
	}
	check("after the server wrote the file", server)
	check("the operator", operator)
	check("opened again", openSubjects(t, path))
}

// Writers that do not know of each other give a subject one secret.
func TestSubjectsOfSeveralWriters(t *testing.T) {
	ctx, ring := t.Context(), mustNew(t)
	path := filepath.Join(t.TempDir(), "subjects")
	const writers, subjects = 4, 20
	secrets := make([][]string, writers)
	var wg sync.WaitGroup
	for w := range writers {
		s := openSubjects(t, path)
		secrets[w] = make([]string, subjects)
		wg.Go(func() {
			for i := range subjects {
				got, errs, err := s.Secrets(ctx, ring, []string{fmt.Sprint("person-", i)}, true)
				if err = errors.Join(err, errs[0]); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				secrets[w][i] = got[0]
			}
		})
	}
	wg.Wait()
	for i := range subjects {
		for w := range writers {
			if secrets[w][i] != secrets[0][i] || len(secrets[w][i]) != 32 {
				t.Fatalf("writer %d has another secret for subject %d", w, i)
			}
		}
	}
}

// Without its file nothing is known to be shredded, so nothing is answered.
func TestSubjectsGone(t *testing.T) {
	ctx, ring := t.Context(), mustNew(t)
	path := filepath.Join(t.TempDir(), "subjects")
	s := openSubjects(t, path)
	if _, _, err := s.Secrets(ctx, ring, []string{"ann"}, true); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, create := range []bool{false, true} {
		if _, _, err := s.Secrets(ctx, ring, []string{"ann"}, create); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("create %v: %v", create, err)
		}
	}
	if err := s.Shred(ctx, ring, "ann"); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("shred: %v", err)
	}
}
