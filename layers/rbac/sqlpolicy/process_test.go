package sqlpolicy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
	"github.com/metaxy-go/metaxy/layers/rbac/sqlpolicy"
)

// workerVariable holds what a process that this test starts should do: a word,
// its number and the database.
const workerVariable = "METAXY_SQLPOLICY_WORKER"

// rulesEach is how many members each process grants.
const rulesEach = 12

func worker(work string) int {
	parts := strings.SplitN(work, " ", 3)
	n, err := strconv.Atoi(parts[1])
	if err == nil {
		err = do(parts[0], n, parts[2])
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func do(what string, n int, location string) error {
	ctx := context.Background()
	a, err := sqlpolicy.Open(ctx, location, sqlpolicy.Timeout(30*time.Second))
	if err != nil {
		return err
	}
	defer a.Close()
	p, err := rbac.NewPolicy(a)
	if err != nil {
		return err
	}
	switch what {
	case "grant":
		for i := range rulesEach {
			if err := p.Add(rbac.Member(fmt.Sprintf("user:w%d-%d", n, i), "role:r")); err != nil {
				return err
			}
			if i%3 == 2 {
				if err := p.Remove(rbac.Member(fmt.Sprintf("user:w%d-%d", n, i), "role:r")); err != nil {
					return err
				}
			}
		}
	case "batches":
		fmt.Println("ready")
		for i := 0; ; i++ {
			var rules []rbac.Rule
			for j := range 300 {
				rules = append(rules, rbac.Member(fmt.Sprintf("user:b%d-%d-%d", n, i, j), "role:r"))
			}
			if err := p.Add(rules...); err != nil {
				return err
			}
		}
	}
	return nil
}

func start(ctx context.Context, what string, n int, location string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", workerVariable, what, n, location))
	return cmd
}

// TestProcesses: several processes open an empty database, grant and revoke at
// the same time. No change of one is lost, and none sees an error.
func TestProcesses(t *testing.T) {
	const processes = 6
	everywhere(t, func(t *testing.T, location string) {
		var wg sync.WaitGroup
		for n := range processes {
			wg.Go(func() {
				if out, err := start(t.Context(), "grant", n, location).CombinedOutput(); err != nil {
					t.Errorf("process %d: %v: %s", n, err, out)
				}
			})
		}
		wg.Wait()
		_, p := open(t, location)
		for n := range processes {
			for i := range rulesEach {
				name := fmt.Sprintf("user:w%d-%d", n, i)
				if held := len(p.Roles(identity.Identity{Name: name})) == 1; held == (i%3 == 2) {
					t.Errorf("%s has the role: %v", name, held)
				}
			}
		}
	})
}

// TestKilled: a process that is killed in the middle of changes leaves each whole
// or not at all, and others go on.
func TestKilled(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		_, p := open(t, location)
		for n := range 4 {
			cmd := start(t.Context(), "batches", n, location)
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			_, err = out.Read(make([]byte, 6))
			must(t, err)
			time.Sleep(time.Duration(20+13*n) * time.Millisecond)
			must(t, cmd.Process.Kill())
			_ = cmd.Wait()
			must(t, p.Add(rbac.Member(fmt.Sprintf("user:after%d", n), "role:r")))
		}
		batches := map[string]int{}
		for _, r := range p.Rules() {
			if name := strings.Split(r.Subject(), "-"); len(name) == 3 {
				batches[name[0]+"-"+name[1]]++
			}
		}
		for name, n := range batches {
			if n != 300 {
				t.Errorf("%s: %d rules of 300", name, n)
			}
		}
		t.Logf("%d changes of 300 rules, all whole", len(batches))
	})
}

// TestLastAdministrator: two administrators who take each other's rights away at
// the same time: one is left.
func TestLastAdministrator(t *testing.T) {
	everywhere(t, func(t *testing.T, location string) {
		_, p := open(t, location)
		must(t, p.Add(rbac.Permit("role:root", "**", "admin")))
		ann, bob := rbac.Member("user:ann", "role:root"), rbac.Member("user:bob", "role:root")
		var layers [2]*rbac.RBAC
		for i := range layers {
			_, p := open(t, location)
			layers[i] = rbac.New(p)
		}
		for range 20 {
			must(t, p.Add(ann, bob))
			var wg sync.WaitGroup
			var errs [2]error
			for i, rule := range []rbac.Rule{bob, ann} {
				wg.Go(func() {
					who := identity.With(t.Context(), user([]string{"ann", "bob"}[i]))
					errs[i] = layers[i].Revoke(who, rule)
				})
			}
			wg.Wait()
			_, err := p.Refresh()
			must(t, err)
			if p.Administers(user("ann"), "a").Allowed == p.Administers(user("bob"), "a").Allowed {
				t.Fatalf("ann: %v, bob: %v", errs[0], errs[1])
			}
			if lost := errors.Join(errs[:]...); !errors.Is(lost, core.ErrDenied) {
				t.Fatalf("who came too late: %v", lost)
			}
		}
	})
}
