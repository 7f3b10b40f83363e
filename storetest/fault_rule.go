package storetest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/metaxy-go/metaxy/core"
)

// Action is what a Rule does to a call.
type Action uint8

// The actions.
const (
	Fail       Action = iota + 1 // answer with Err, without calling the store below
	FailLate                     // call the store below, then answer with Err: the commit is there and the caller does not know
	FailStream                   // let After batches (features, in a list) pass, then end the stream with Err
	Truncate                     // let After batches pass, then end the stream without an error: what a bad proxy does
	Delay                        // wait before the call
)

var actionNames = map[Action]string{Fail: "fail", FailLate: "fail-late", FailStream: "fail-stream", Truncate: "truncate", Delay: "delay"}

// Rule says which calls go wrong and how. It prints as text that ParseRule
// reads, such as
//
//	write#2 fail unavailable
//	read video/raw fail-stream integrity after 2
//	any#5 delay 10ms
type Rule struct {
	Op    core.Op         // 0: any
	Key   core.FeatureKey // "": any
	Nth   int             // the nth call that matches, from 1; 0: every one
	Do    Action
	Err   error // of Fail, FailLate and FailStream
	After int   // batches that pass first, of FailStream and Truncate
	Delay time.Duration
}

// FailNth fails the nth call of an operation.
func FailNth(op core.Op, nth int, err error) Rule { return Rule{Op: op, Nth: nth, Do: Fail, Err: err} }

// AfterCommit lets the nth write through and reports an error nevertheless.
func AfterCommit(nth int, err error) Rule {
	return Rule{Op: core.OpWrite, Nth: nth, Do: FailLate, Err: err}
}

// MidStream fails the nth call of an operation after some batches.
func MidStream(op core.Op, nth, batches int, err error) Rule {
	return Rule{Op: op, Nth: nth, Do: FailStream, After: batches, Err: err}
}

// TruncateStream ends the stream of the nth call after some batches.
func TruncateStream(op core.Op, nth, batches int) Rule {
	return Rule{Op: op, Nth: nth, Do: Truncate, After: batches}
}

// Latency delays every call of an operation.
func Latency(op core.Op, d time.Duration) Rule { return Rule{Op: op, Do: Delay, Delay: d} }

// errorNames are how rules spell errors.
func errorNames() map[string]error {
	return map[string]error{
		"not_found": core.ErrFeatureNotFound, "invalid": core.ErrInvalid, "conflict": core.ErrConflict, "dependency": core.ErrDependency,
		"unsupported": core.ErrUnsupported, "unauthenticated": core.ErrUnauthenticated, "denied": core.ErrDenied, "integrity": core.ErrIntegrity,
		"unavailable": core.ErrUnavailable, "read_only": core.ErrReadOnly, "closed": core.ErrClosed,
		"canceled": context.Canceled, "deadline": context.DeadlineExceeded,
	}
}

// String prints the rule as ParseRule reads it. An error that has no name in
// rules prints as its text in quotes, which ParseRule refuses.
func (r Rule) String() string {
	s := "any"
	if r.Op != 0 {
		s = r.Op.String()
	}
	if r.Nth > 0 {
		s += "#" + strconv.Itoa(r.Nth)
	}
	if r.Key != "" {
		s += " " + string(r.Key)
	}
	s += " " + actionNames[r.Do]
	switch r.Do {
	case Fail, FailLate, FailStream:
		s += " " + errorName(r.Err)
	case Delay:
		s += " " + r.Delay.String()
	}
	if r.Do == FailStream || r.Do == Truncate {
		s += " after " + strconv.Itoa(r.After)
	}
	return s
}

func errorName(err error) string {
	for name, e := range errorNames() {
		if e == err { //nolint:errorlint // a wrapped sentinel has a text of its own, which a rule cannot spell
			return name
		}
	}
	return fmt.Sprintf("%q", fmt.Sprint(err))
}

// ParseRule reads what String printed. Its errors match core.ErrInvalid.
func ParseRule(text string) (Rule, error) {
	bad := func(format string, args ...any) (Rule, error) {
		return Rule{}, fmt.Errorf("%w: rule %q: %s", core.ErrInvalid, text, fmt.Sprintf(format, args...))
	}
	words := strings.Fields(text)
	if len(words) < 2 {
		return bad("want an operation and an action")
	}
	var r Rule
	op, nth, numbered := strings.Cut(words[0], "#")
	if op != "any" {
		var ok bool
		if r.Op, ok = core.ParseOp(op); !ok {
			return bad("unknown operation %q", op)
		}
	}
	if numbered {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 {
			return bad("%q is no number of a call, counted from 1", nth)
		}
		r.Nth = n
	}
	words = words[1:]
	if r.Do = parseAction(words[0]); r.Do == 0 {
		key, err := core.ParseKey(words[0])
		if err != nil || len(words) < 2 {
			return bad("unknown action %q", words[0])
		}
		if r.Do = parseAction(words[1]); r.Do == 0 {
			return bad("unknown action %q", words[1])
		}
		r.Key, words = key, words[1:]
	}
	return r.parseRest(words[1:], bad)
}

func parseAction(word string) Action {
	for a, name := range actionNames {
		if name == word {
			return a
		}
	}
	return 0
}

func (r Rule) parseRest(words []string, bad func(string, ...any) (Rule, error)) (Rule, error) {
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		w := words[0]
		words = words[1:]
		return w
	}
	switch r.Do {
	case Fail, FailLate, FailStream:
		name := next()
		if r.Err = errorNames()[name]; r.Err == nil {
			return bad("unknown error %q", name)
		}
	case Delay:
		d, err := time.ParseDuration(next())
		if err != nil || d < 0 {
			return bad("delay wants a duration such as 10ms")
		}
		r.Delay = d
	}
	if r.Do == FailStream || r.Do == Truncate {
		if next() != "after" {
			return bad("want \"after\" and a number of batches")
		}
		n, err := strconv.Atoi(next())
		if err != nil || n < 0 {
			return bad("want a number of batches")
		}
		r.After = n
	}
	if len(words) > 0 {
		return bad("%q is too much", strings.Join(words, " "))
	}
	return r, nil
}
