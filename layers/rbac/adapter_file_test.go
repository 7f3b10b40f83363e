//go:build unix

package rbac_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

// rulesEach is how many rules each of several writers adds; it removes every
// third again.
const rulesEach = 30

func changeFile(path, writer string) error {
	p, err := rbac.OpenPolicy(path)
	if err != nil {
		return err
	}
	for i := range rulesEach {
		r := rbac.Permit(fmt.Sprintf("user:%s-%d", writer, i), "**", "read")
		if err := p.Add(r); err != nil {
			return err
		}
		if i%3 == 2 {
			if err := p.Remove(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// changedBy holds a file to what several writers together must have left.
func changedBy(t *testing.T, path string, writers ...string) {
	t.Helper()
	p, err := rbac.OpenPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range writers {
		for i := range rulesEach {
			name := fmt.Sprintf("%s-%d", w, i)
			if can := p.Can(user(name), core.OpRead, "a").Allowed; can != (i%3 < 2) {
				t.Errorf("%s can read: %v", name, can)
			}
		}
	}
	if n := len(p.Rules()); n != 1+len(writers)*rulesEach*2/3 {
		t.Errorf("%d rules", n)
	}
}

func ruled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.csv")
	if err := os.WriteFile(path, []byte("p, user:root, **, admin, allow\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFileChangesInTurn: of two handles on one file neither undoes what the
// other added or took away.
func TestFileChangesInTurn(t *testing.T) {
	path := ruled(t)
	writers := []string{"w0", "w1"}
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() {
			if err := changeFile(path, w); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	changedBy(t, path, writers...)
}

// TestFileChangedByProcesses is the same with processes.
func TestFileChangedByProcesses(t *testing.T) {
	const variable = "RBAC_TEST_WRITER"
	if work := os.Getenv(variable); work != "" {
		writer, path, _ := strings.Cut(work, " ")
		if err := changeFile(path, writer); err != nil {
			t.Fatal(err)
		}
		return
	}
	path := ruled(t)
	writers := []string{"w0", "w1", "w2"}
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFileChangedByProcesses$")
			cmd.Env = append(os.Environ(), variable+"="+w+" "+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	changedBy(t, path, writers...)
}

// TestFileIsAdministered: two administrators who take each other's rights away
// at the same time cannot both succeed.
func TestFileIsAdministered(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "policy.csv")
		if err := os.WriteFile(path, []byte("p, user:a, **, admin, allow\np, user:b, **, admin, allow\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, w := range [][2]string{{"a", "b"}, {"b", "a"}} {
			p, err := rbac.OpenPolicy(path)
			if err != nil {
				t.Fatal(err)
			}
			r := rbac.New(p)
			wg.Go(func() {
				err := r.Revoke(as(t.Context(), w[0]), rbac.Permit("user:"+w[1], "**", rbac.ActionAdmin))
				if err != nil && !errors.Is(err, core.ErrDenied) && !errors.Is(err, core.ErrInvalid) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		p, err := rbac.OpenPolicy(path)
		if err != nil || len(p.Rules()) != 1 {
			t.Fatalf("%v administer, %v", p.Rules(), err)
		}
	}
}

// TestFileCannotBeLocked: a folder that cannot be written refuses the change and
// leaves the rules.
func TestFileCannotBeLocked(t *testing.T) {
	path := ruled(t)
	p, err := rbac.OpenPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".lock", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Add(rbac.Permit("user:a", "**", "read")); !errors.Is(err, core.ErrUnavailable) || len(p.Rules()) != 1 {
		t.Errorf("changed without the lock: %v, %v", err, p.Rules())
	}
}
