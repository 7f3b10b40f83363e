package config_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// A policy that nobody could look at for too long decides nothing any more.
func TestMaxPolicyAge(t *testing.T) {
	w := newWorld(t)
	table := "policy   = \"policy.csv\"\n"
	aged := func(keys string) string {
		return strings.Replace(document(someColumns), table, table+keys, 1)
	}
	o := w.open(aged("refresh = \"0s\"\nmax_policy_age = \"1ns\"\n"), "prod")
	if _, err := o.Stack.Read(w.as("user:eve"), core.ReadRequest{Key: people}); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("a policy older than a nanosecond decides: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	w.fails(aged("refresh = \"1m\"\nmax_policy_age = \"1s\"\n"), "prod", core.ErrInvalid)
}

// A trail that ends with a checkpoint of a key that is not among the public ones
// is not written on, until its end was accepted by name.
func TestTrustedTrail(t *testing.T) {
	w := newWorld(t)
	doc := document(someColumns)
	o := w.open(doc, "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	private, public, err := audit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	w.write("secrets/audit.pem", string(private))
	w.write("new.pub", string(public))
	err = func() error {
		_, err := w.parse(doc+"public_key = \"new.pub\"\n").OpenHandles(t.Context(), w.reg, "prod")
		return err
	}()
	if !errors.Is(err, core.ErrIntegrity) {
		t.Fatalf("a trail signed by a key that is not trusted: %v", err)
	}
	head := regexp.MustCompile(`\d+:[0-9a-f]{64}`).FindString(err.Error())
	if head == "" {
		t.Fatalf("the refusal does not name the head: %v", err)
	}
	o = w.open(doc+"public_key = \"new.pub\"\naccept_head = \""+head+"\"\n", "prod")
	if err := w.some(w.as("service:nightly"), o.Stack); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	// Both keys are trusted: nothing to accept.
	old := w.path("audit.pub")
	both, err := readAll(old, w.path("new.pub"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("both.pub", both)
	if err := w.open(doc+"public_key = \"both.pub\"\n", "prod").Close(); err != nil {
		t.Error(err)
	}
	w.fails(doc+"accept_head = \"12:abc\"\n", "prod", core.ErrInvalid, "accept_head: ", "a colon and its hash")
}

func readAll(paths ...string) (string, error) {
	var all strings.Builder
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	return all.String(), nil
}
