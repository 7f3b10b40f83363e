package rbac

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"

	"github.com/metaxy-go/metaxy/core"
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
// it is told to, quotes what needs quoting, replaces the file in one step and
// leaves comments where they are.
type fileAdapter struct{ path string }

var (
	_ persist.BatchAdapter = (*fileAdapter)(nil)
	_ Versioner            = (*fileAdapter)(nil)
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
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]), nil
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

func (a *fileAdapter) AddPolicy(sec, ptype string, rule []string) error {
	return a.AddPolicies(sec, ptype, [][]string{rule})
}

func (a *fileAdapter) RemovePolicy(sec, ptype string, rule []string) error {
	return a.RemovePolicies(sec, ptype, [][]string{rule})
}

func (a *fileAdapter) RemoveFilteredPolicy(string, string, int, ...string) error { return errNotThis }

// AddPolicies appends lines.
func (a *fileAdapter) AddPolicies(_, ptype string, rules [][]string) error {
	text, err := a.read()
	if err != nil {
		return err
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	for _, fields := range rules {
		text += Rule{kind(ptype), fields}.String() + "\n"
	}
	return a.replace(text)
}

// RemovePolicies drops the lines of the rules and leaves the others alone.
func (a *fileAdapter) RemovePolicies(_, ptype string, rules [][]string) error {
	text, err := a.read()
	if err != nil {
		return err
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		r, ok, err := ruleOf(line)
		if err != nil {
			return err
		}
		gone := ok && slices.ContainsFunc(rules, func(fields []string) bool { return r.Equal(Rule{kind(ptype), fields}) })
		if !gone {
			b.WriteString(line)
		}
	}
	return a.replace(b.String())
}

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
	return os.Rename(f.Name(), a.path)
}
