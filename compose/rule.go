package compose

import (
	"errors"
	"fmt"
	"slices"

	"github.com/metaxy-go/metaxy/core"
)

// RuleID names a rule.
type RuleID string

// The rules. Rules says why each of them is there.
const (
	NilLayer        RuleID = "nil-layer"
	KnownPhase      RuleID = "known-phase"
	SameLayer       RuleID = "same-layer-twice"
	StrictEnforcing RuleID = "strict-enforcing"
	OwnLeg          RuleID = "own-leg"
	Acceptance      RuleID = "acceptance"
	OneAccess       RuleID = "one-access"
	OneFallback     RuleID = "one-fallback"
	OneCrypto       RuleID = "one-crypto"
	RepeatedLayer   RuleID = "repeated-layer"
	PhaseOrder      RuleID = "phase-order"
	NoPlaintextDisk RuleID = "no-plaintext-disk"
	PlaintextCache  RuleID = "plaintext-cache"
	UnguardedCopy   RuleID = "unguarded-copy"
	NoSecretsShown  RuleID = "no-secrets-shown"
)

// Rule is one thing that must hold of a stack.
type Rule struct {
	ID    RuleID
	Why   string
	Final bool // cannot be accepted

	check func(*chain) []string // what breaks it; nil: found elsewhere
}

// Rules lists every rule, those that cannot be accepted first.
func Rules() []Rule {
	return []Rule{
		{NilLayer, "a stack is built from layers that exist and make a store", true, nilLayers},
		{KnownPhase, "a layer's place follows from its phase", true, unknownPhases},
		{SameLayer, "one layer value in two places would share its state between them", true, sameLayers},
		{StrictEnforcing, "access and crypto layers decide about every operation themselves: their store embeds core.Strict", true, nil},
		{OwnLeg, "a fallback that stands on the stack's own base asks the same storage twice, past the layers below it", true, ownLegs},
		{Acceptance, "an exemption names a rule that can be accepted, gives a reason, and is needed", true, nil},
		{OneAccess, "two policies would be taken for one", false, one(core.PhaseAccess, "put the policies in one")},
		{OneFallback, "the order in which environments are asked stands in one place", false, one(core.PhaseFallback, "give one of them all the legs")},
		{OneCrypto, "encrypting twice hides a mistake in the configuration", false, one(core.PhaseCrypto, "use one with a keyring")},
		{RepeatedLayer, "retries multiply and observations count double", false, repeatedLayers},
		{PhaseOrder, "a stack over a stack keeps the order of the phases", false, phaseOrder},
		{NoPlaintextDisk, "what is written to disk lies below crypto", false, plaintextDisk},
		{PlaintextCache, "copies kept in memory lie below crypto", false, plaintextCache},
		{UnguardedCopy, "what is kept lies below access control, or it is served to callers who may not see it", false, unguardedCopy},
		{NoSecretsShown, "descriptions are printed and logged", false, secretsShown},
	}
}

// Violation is one broken rule. It matches core.ErrInvalid.
type Violation struct { //nolint:errname // it is what the documentation calls it: a violation of a rule
	Rule RuleID
	Why  string
}

// Error prints as "one-crypto: 2 crypto layers; use one with a keyring".
func (v *Violation) Error() string { return fmt.Sprintf("%s: %s", v.Rule, v.Why) }

// Unwrap makes a violation match core.ErrInvalid.
func (v *Violation) Unwrap() error { return core.ErrInvalid }

// Violations finds every violation in an error of New, in the order of Rules.
func Violations(err error) []*Violation {
	var out []*Violation
	switch e := err.(type) { //nolint:errorlint // the walk through the tree of errors is done here
	case *Violation:
		return []*Violation{e}
	case interface{ Unwrap() []error }:
		for _, sub := range e.Unwrap() {
			out = append(out, Violations(sub)...)
		}
	default:
		if sub := errors.Unwrap(err); sub != nil {
			return Violations(sub)
		}
	}
	return out
}

// acceptance keeps what was accepted and what of it was needed.
type acceptance struct {
	reasons map[RuleID]string
	needed  map[RuleID]bool
	wrong   []error
}

func newAcceptance(list []accepted) *acceptance {
	a := &acceptance{reasons: map[RuleID]string{}, needed: map[RuleID]bool{}}
	rules := Rules()
	for _, x := range list {
		at := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == x.rule })
		switch {
		case at < 0:
			a.refuse("there is no rule %q", x.rule)
		case rules[at].Final:
			a.refuse("%s cannot be accepted: %s", x.rule, rules[at].Why)
		case x.reason == "":
			a.refuse("%s was accepted without a reason", x.rule)
		case a.reasons[x.rule] != "" && a.reasons[x.rule] != x.reason:
			a.refuse("%s was accepted twice, for different reasons", x.rule)
		default:
			a.reasons[x.rule] = x.reason
		}
	}
	return a
}

func (a *acceptance) refuse(format string, args ...any) {
	a.wrong = append(a.wrong, &Violation{Acceptance, fmt.Sprintf(format, args...)})
}

// report gives the violations that were not accepted.
func (a *acceptance) report(rule RuleID, why ...string) []error {
	if len(why) == 0 {
		return nil
	}
	if _, ok := a.reasons[rule]; ok {
		a.needed[rule] = true
		return nil
	}
	out := make([]error, len(why))
	for i, w := range why {
		out[i] = &Violation{rule, w}
	}
	return out
}

// unused reports mistaken acceptances, and those that nothing needed.
func (a *acceptance) unused() []error {
	out := a.wrong
	for _, r := range Rules() {
		if _, ok := a.reasons[r.ID]; ok && !a.needed[r.ID] {
			out = append(out, &Violation{Acceptance, fmt.Sprintf("%s is not broken: leave its Accept out", r.ID)})
		}
	}
	return out
}

// check gives every violation that shows before anything is wrapped.
func check(c *chain) []error {
	var out []error
	for _, r := range Rules() {
		if r.check != nil {
			out = append(out, c.accepts.report(r.ID, r.check(c)...)...)
		}
	}
	return out
}
