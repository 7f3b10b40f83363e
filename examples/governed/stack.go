package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/metaxy-go/metaxy/compose"
	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/crypto"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
	"github.com/metaxy-go/metaxy/layers/rbac/identity"
)

//go:embed policy.csv
var policyText string

// governed is a store with everything that guards it.
type governed struct {
	store core.Store // what callers get
	base  core.Store // what lies below: the operator's, who has the keys
	graph *core.Graph

	ring     *keys.File
	subjects *keys.Subjects
	crypto   *crypto.Crypto

	trail    *audit.Log
	trailDir string
	verifier audit.Verifier
}

// open makes the stack: rbac with its audit trail above crypto above base.
func open(ctx context.Context, base core.Store, dir string) (g *governed, err error) {
	g = &governed{base: base, trailDir: filepath.Join(dir, "audit")}
	if g.graph, err = newGraph(); err != nil {
		return nil, err
	}
	// A service would take the passphrase from its secrets, or use keys.KMS.
	if g.ring, err = keys.Create(ctx, filepath.Join(dir, "ring.keys"), keys.Passphrase([]byte(rand.Text()))); err != nil {
		return nil, err
	}
	if g.subjects, err = keys.OpenSubjects(filepath.Join(dir, "subjects.json")); err != nil {
		return nil, err
	}
	perAuthor := crypto.PerSubject(g.subjects, authorID)
	g.crypto = crypto.New(g.ring, crypto.Column("openmoji/**", author, perAuthor), crypto.Column("openmoji/**", line, perAuthor))

	policy, err := rbac.ParsePolicy(policyText)
	if err != nil {
		return nil, err
	}
	if err := g.openTrail(); err != nil {
		return nil, err
	}
	access := rbac.New(policy, rbac.Audit(g.trail), rbac.MaskKey([]byte(rand.Text())))
	g.store, err = compose.New(base, compose.KeepBaseOpen(), compose.With(access, g.crypto))
	if err != nil {
		return nil, errors.Join(err, g.trail.Close())
	}
	return g, nil
}

func (g *governed) openTrail() error {
	private, public, err := audit.GenerateKey()
	if err != nil {
		return err
	}
	signer, err := audit.ParseSigner(private)
	if err != nil {
		return err
	}
	if g.verifier, err = audit.ParseVerifier(public); err != nil {
		return err
	}
	// Each record is signed: this trail is short.
	g.trail, err = audit.Open(g.trailDir, signer, audit.CheckpointEvery(1, time.Minute))
	return err
}

func (g *governed) close() error {
	return errors.Join(g.store.Close(), g.trail.Close())
}

// caller is somebody with an API token.
type caller struct {
	name, role string
	token      string
}

// newCallers makes a token for each of three people, and what a service keeps
// of them.
func newCallers() ([]caller, *identity.Tokens, error) {
	callers := []caller{{name: "user:ada", role: "engineer"}, {name: "user:lin", role: "analyst"}, {name: "user:max", role: "outsider"}}
	var kept []identity.Token
	for i, c := range callers {
		text, token, err := identity.NewToken(c.name, nil, time.Time{})
		if err != nil {
			return nil, nil, err
		}
		callers[i].token, kept = text, append(kept, token)
	}
	tokens, err := identity.NewTokens(kept)
	return callers, tokens, err
}

// as is the context of calls that somebody makes.
func (c caller) as(ctx context.Context, tokens *identity.Tokens) (context.Context, error) {
	id, err := tokens.Authenticate(ctx, identity.Credentials{Bearer: c.token})
	if err != nil {
		return nil, err
	}
	return identity.With(ctx, id), nil
}

// away moves the trail's directory, as if its volume were gone, and back
// returns it.
func (g *governed) away() error { return os.Rename(g.trailDir, g.trailDir+".away") }
func (g *governed) back() error { return os.Rename(g.trailDir+".away", g.trailDir) }
