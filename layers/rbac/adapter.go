package rbac

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/internal/disk"
)

// parseRules reads a policy's text.
func parseRules(text string) ([]Rule, error) {
	var rules []Rule
	seen := map[string]bool{}
	at := 0
	for line := range strings.Lines(text) {
		at++
		r, ok, err := ruleOf(line)
		if err != nil {
			return nil, fmt.Errorf("policy: line %d: %w", at, err)
		}
		if ok && !seen[r.String()] {
			seen[r.String()] = true
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// ruleOf reads one line, which may hold none.
func ruleOf(line string) (Rule, bool, error) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return Rule{}, false, nil
	}
	r, err := ParseRule(line)
	return r, err == nil, err
}

// fill puts rules into casbin's model.
func fill(m model.Model, rules []Rule) error {
	for _, r := range rules {
		if err := m.AddPolicy(string(r.kind)[:1], string(r.kind), r.fields); err != nil {
			return invalidf("%w", err)
		}
	}
	return nil
}

var errNotThis = errors.New("rbac: this adapter stores rules one by one")

// memoryAdapter keeps rules in memory. Policy calls it under its own lock.
type memoryAdapter struct{ rules []Rule }

var _ persist.Adapter = (*memoryAdapter)(nil)

func (a *memoryAdapter) LoadPolicy(m model.Model) error { return fill(m, a.rules) }

func (a *memoryAdapter) SavePolicy(model.Model) error { return errNotThis }

func (a *memoryAdapter) AddPolicy(_, ptype string, rule []string) error {
	a.rules = append(slices.Clip(a.rules), Rule{kind(ptype), rule})
	return nil
}

func (a *memoryAdapter) RemovePolicy(_, ptype string, rule []string) error {
	a.rules = slices.DeleteFunc(slices.Clone(a.rules), Rule{kind(ptype), rule}.Equal)
	return nil
}

func (a *memoryAdapter) RemoveFilteredPolicy(string, string, int, ...string) error {
	return errNotThis
}

// fileAdapter keeps rules in a text file. Unlike casbin's own, it stores what
// it is told to, quotes what needs quoting, replaces the file in one step, leaves
// comments where they are, and undoes no change that another process made.
type fileAdapter struct{ path string }

var (
	_ persist.Adapter = (*fileAdapter)(nil)
	_ Changer         = (*fileAdapter)(nil)
)

func (a *fileAdapter) read() (string, error) {
	text, err := os.ReadFile(a.path)
	if err != nil {
		return "", fmt.Errorf("%w: policy: %w", core.ErrUnavailable, err)
	}
	return string(text), nil
}

// Version is the hash of the file: a policy is small, and its time and size can
// stay the same while its text does not.
func (a *fileAdapter) Version() (string, error) {
	text, err := a.read()
	if err != nil {
		return "", err
	}
	return versionOf(text), nil
}

func versionOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (a *fileAdapter) LoadPolicy(m model.Model) error {
	text, err := a.read()
	if err != nil {
		return err
	}
	rules, err := parseRules(text)
	if err != nil {
		return err
	}
	return fill(m, rules)
}

func (a *fileAdapter) SavePolicy(model.Model) error { return errNotThis }

// A Policy hands changes to Change.
func (a *fileAdapter) AddPolicy(string, string, []string) error { return errNotThis }

func (a *fileAdapter) RemovePolicy(string, string, []string) error { return errNotThis }

func (a *fileAdapter) RemoveFilteredPolicy(string, string, int, ...string) error { return errNotThis }

// mostWait is how long a change waits for those of other processes.
const mostWait = 10 * time.Second

// Change is Changer's. The lock keeps other processes from replacing the file
// between the look at its version and its end.
func (a *fileAdapter) Change(since string, rules [][]string, add bool) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), mostWait)
	defer cancel()
	unlock, err := disk.Lock(ctx, a.path+".lock")
	if err != nil {
		return "", fmt.Errorf("%w: policy: its lock: %w", core.ErrUnavailable, err)
	}
	defer unlock()
	text, err := a.read()
	if err != nil {
		return "", err
	}
	if versionOf(text) != since {
		return "", fmt.Errorf("%w: policy: somebody else changed the rules", core.ErrConflict)
	}
	if add {
		text = added(text, rules)
	} else if text, err = removed(text, rules); err != nil {
		return "", err
	}
	if err := a.replace(text); err != nil {
		return "", err
	}
	return versionOf(text), nil
}

// added appends lines.
func added(text string, rules [][]string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, r := range rules {
		text += ruleFrom(r).String() + "\n"
	}
	return text
}

// removed drops the lines of the rules and leaves the others alone.
func removed(text string, rules [][]string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		r, ok, err := ruleOf(line)
		if err != nil {
			return "", err
		}
		gone := ok && slices.ContainsFunc(rules, func(fields []string) bool { return r.Equal(ruleFrom(fields)) })
		if !gone {
			b.WriteString(line)
		}
	}
	return b.String(), nil
}

func ruleFrom(line []string) Rule { return Rule{kind(line[0]), line[1:]} }

// replace writes a new file beside the old one and puts it in its place.
func (a *fileAdapter) replace(text string) (err error) {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(a.path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(a.path), ".policy-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), a.path); err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(a.path))
}
