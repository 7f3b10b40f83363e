package config_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/model"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// adapter keeps rules for a program.
type adapter struct{ closed func() }

func (a *adapter) LoadPolicy(m model.Model) error {
	return m.AddPolicy("p", "p", []string{"role:boss", "**", "*", "allow"})
}
func (a *adapter) SavePolicy(model.Model) error                              { return nil }
func (a *adapter) AddPolicy(string, string, []string) error                  { return nil }
func (a *adapter) RemovePolicy(string, string, []string) error               { return nil }
func (a *adapter) RemoveFilteredPolicy(string, string, int, ...string) error { return nil }
func (a *adapter) Close() error                                              { a.closed(); return nil }

const logOnly = encrypted + "columns = \"email\"\n[stores.prod.rbac]\npolicy = \"policy.csv\"\n[stores.prod.rbac.audit]\nlog = true\n"

// What cannot be recorded is refused, unless the table says otherwise by name.
func TestAuditFailsClosed(t *testing.T) {
	w := newWorld(t)
	o := w.open(logOnly, "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	if text := w.logs.text(); !strings.Contains(text, "audit map[") || !strings.Contains(text, "store:prod") {
		t.Error(text)
	}
	lenient := w.open(logOnly+"on_failure = \"best_effort\"\n", "prod")
	w.logs.set(true)
	eve := w.as("user:eve")
	if _, err := o.Stack.Read(eve, core.ReadRequest{Key: people}); !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := o.KeyUse(eve, people); !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := lenient.Stack.Read(eve, core.ReadRequest{Key: people}); err != nil {
		t.Error(err)
	}
	if _, err := lenient.KeyUse(eve, people); err != nil {
		t.Error(err)
	}
}

// Several sinks: all must keep an event, or any of them; a queue keeps reads
// from waiting and is empty when the stack is closed.
func TestAuditSinks(t *testing.T) {
	w := newWorld(t)
	doc := document(someColumns) + "log = true\nlog_checkpoints = true\ncheckpoint_records = 2\nasync = 100\nsync = \"changes\"\n"
	o := w.open(doc+"require = \"any\"\n", "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	w.logs.set(true)
	if n := len(w.lines(w.as("user:eve"), o.Stack)); n != 3 {
		t.Error(n)
	}
	w.logs.set(false)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	w.verified(doc, 4)
	if !strings.Contains(w.logs.text(), "audit checkpoint map[") {
		t.Error(w.logs.text())
	}
	o = w.open(strings.Replace(doc, "async = 100\n", "", 1), "prod")
	w.logs.set(true)
	if _, err := o.Stack.Read(w.as("user:eve"), core.ReadRequest{Key: people}); !errors.Is(err, core.ErrUnavailable) {
		t.Error(err)
	}
	w.logs.set(false)
}

// A trail in the store itself: below all layers, and closed before the backend.
func TestAuditInTheStore(t *testing.T) {
	w := newWorld(t)
	doc := strings.Replace(document(someColumns), "dir         = \"audit\"", "feature     = \"ops/trail\"", 1)
	o := w.open(doc, "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := w.parse(doc).Access(t.Context(), w.reg, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RBAC.Grant(w.as("user:ann")); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	trail, err := w.parse(doc).Audit("prod")
	if err != nil || trail.Dir != "" || trail.Feature != "ops/trail" {
		t.Errorf("%+v %v", trail, err)
	}
	key, err := trail.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	reports, err := audit.VerifyStore(t.Context(), w.kept, trail.Feature, key)
	if err != nil || len(reports) != 1 || reports[0].Events != 2 {
		t.Errorf("%+v %v", reports, err)
	}
}

// A changed policy holds at once; one that is not valid leaves the rules before
// in force and is told.
func TestPolicyIsReadAgain(t *testing.T) {
	w := newWorld(t)
	o := w.open(strings.Replace(document(someColumns), "mask_key", "refresh = \"1ns\"\nmask_key", 1), "prod")
	if err := w.some(w.as("user:new"), o.Stack); !errors.Is(err, core.ErrDenied) {
		t.Fatal(err)
	}
	w.write("policy.csv", policyText+"g, user:new, role:writer\n")
	if err := w.some(w.as("user:new"), o.Stack); err != nil {
		t.Error(err)
	}
	w.write("policy.csv", "p, x\n")
	if err := w.some(w.as("user:new"), o.Stack); err != nil {
		t.Error(err)
	}
	if !strings.Contains(w.logs.text(), "the changed policy is not used") {
		t.Error(w.logs.text())
	}
}

// A leg is a complete stack: its own keys, its own policy, its own trail. A
// trail has one writer.
func TestLegsHaveTheirOwnKeys(t *testing.T) {
	w := newWorld(t)
	o := w.open(document(someColumns), "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Create(t.Context(), w.path("dev.json"), keys.Passphrase([]byte("of dev"))); err != nil {
		t.Fatal(err)
	}
	w.write("of-dev", "of dev\n")
	dev := document(someColumns) + `
[stores.dev]
backend  = "memory://"
fallback = "prod"
crypto   = { keyset = "dev.json", passphrase = "file:of-dev", columns = "email" }
`
	o = w.open(dev, "dev")
	ann := w.as("user:ann")
	if o.Authenticator == nil || o.Access != nil || o.Keys.String() != "key file "+w.path("dev.json") {
		t.Errorf("%+v", o)
	}
	if lines := w.lines(ann, o.Stack, "id"); len(lines) != 2 {
		t.Error(lines)
	}
	if _, err := o.Stack.Read(t.Context(), core.ReadRequest{Key: people}); !errors.Is(err, core.ErrUnauthenticated) {
		t.Error(err)
	}
	if err := w.some(ann, o.Stack); err != nil { // here, where nobody asks
		t.Error(err)
	}
	if lines := w.lines(ann, o.Stack, "id"); len(lines) != 3 {
		t.Error(lines)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	twice := document(someColumns) + "[stores.dev]\nextends = \"prod\"\nbackend = \"memory://\"\nfallback = \"prod\"\n"
	w.fails(twice, "dev", core.ErrInvalid, "metaxy.toml:16:1: dir: stores dev and prod would write one trail")
	if err := w.check(twice); err == nil || !strings.Contains(err.Error(), "would write one trail") {
		t.Error(err)
	}
}

func (w *world) check(doc string) error {
	w.t.Helper()
	w.write("metaxy.toml", doc)
	_, err := w.checkFile("metaxy.toml")
	return err
}

// Values under a subject's secret are gone with it, in every store of the stack
// that has the file.
func TestSubjectsAreShared(t *testing.T) {
	w := newWorld(t)
	doc := strings.Replace(encrypted, "[stores.prod.crypto]", "[stores.prod.crypto]\nsubjects = \"subjects.jsonl\"", 1) +
		"columns = [{ column = \"email\", subject = \"city\" }]\n" +
		"[stores.dev]\nextends = \"prod\"\nbackend = \"memory://\"\nfallback = \"prod\"\n"
	o := w.open(doc, "dev")
	if err := w.some(t.Context(), o.Stack); err != nil {
		t.Fatal(err)
	}
	if use, err := o.SubjectUse(t.Context(), people, "Oslo"); err != nil || use["email"] != 2 {
		t.Error(use, err)
	}
	if err := o.Subjects.Shred(t.Context(), o.Keys, "Oslo"); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(w.lines(t.Context(), o.Stack, "email"), "\n"); strings.Count(text, "canary") != 1 {
		t.Error(text)
	}
	if _, err := os.Stat(w.path("subjects.jsonl")); err != nil {
		t.Error(err)
	}
}
