package archtest

import (
	"testing"
)

func TestRepository(t *testing.T) {
	tree, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) == 0 || len(tree.Text) == 0 {
		t.Fatalf("%d Go files and %d committed files: this is not the repository", len(tree.Files), len(tree.Text))
	}
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			found, unused := r.Breaches(tree)
			for _, f := range found {
				t.Error(f)
			}
			for _, key := range unused {
				t.Errorf("exemption %q is not needed any more: remove it", key)
			}
			if t.Failed() {
				t.Logf("why: %s", r.Why)
			}
		})
	}
}
