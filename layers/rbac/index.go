package rbac

import (
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core/expr"
)

// index is a policy compiled for answering: immutable, so that a decision sees
// one state of the policy and takes no lock.
type index struct {
	rules    []Rule
	subjects map[string]*subject
	everyone *subject
}

// subject holds the rules of one name in a tree over the parts of their
// patterns, and all the subjects whose rules hold for it: itself, its roles,
// and everyone.
type subject struct {
	name    string
	root    node
	any     actions // what is allowed on some feature
	parents []*subject
	depth   int // 1 without parents; 0 is not measured yet
	closure []*subject
}

// node is a place in the tree of patterns. A lookup costs the parts of a key,
// not the number of rules.
type node struct {
	kids map[string]*node
	star *node
	here bucket // patterns that end here
	tail bucket // patterns that go on with **
}

// bucket holds the rules of one subject and one pattern.
type bucket struct {
	allow, deny actions
	permissions []Rule
	columns     []columnRule
	rows        []rowRule
}

type columnRule struct {
	pattern  string
	show     Show
	everyone bool
	rule     Rule
}

type rowRule struct {
	filter expr.Expr // nil: every row
	rule   Rule
}

// compile checks every rule and builds the index. It reports the first mistake.
func compile(rules []Rule) (*index, error) {
	x := &index{rules: rules, subjects: map[string]*subject{}}
	x.everyone = x.subject(Everyone)
	for _, r := range rules {
		if err := r.Check(); err != nil {
			return nil, err
		}
		s := x.subject(r.Subject())
		if r.kind == member {
			s.parents = append(s.parents, x.subject(r.fields[1]))
			continue
		}
		if err := s.root.bucket(r.Feature()).add(r); err != nil {
			return nil, err
		}
		if r.kind == permission && r.fields[3] == Allow {
			s.any |= maskOf(r.fields[2])
		}
	}
	for _, s := range x.subjects {
		if err := s.measure(); err != nil {
			return nil, err
		}
	}
	for _, s := range x.subjects {
		s.gather(s)
		if s != x.everyone {
			s.closure = append(s.closure, x.everyone)
		}
	}
	return x, nil
}

func (x *index) subject(name string) *subject {
	s := x.subjects[name]
	if s == nil {
		s = &subject{name: name}
		x.subjects[name] = s
	}
	return s
}

func (b *bucket) add(r Rule) error {
	switch r.kind {
	case permission:
		b.permissions = append(b.permissions, r)
		if r.fields[3] == Deny {
			b.deny |= maskOf(r.fields[2])
		} else {
			b.allow |= maskOf(r.fields[2])
		}
	case column:
		show, _ := parseShow(r.fields[3])
		b.columns = append(b.columns, columnRule{r.fields[2], show, r.Subject() == Everyone, r})
	case row:
		e, err := expr.Parse(r.fields[2])
		if err != nil {
			return invalidf("the filter of a rule for %s: %w", r.Subject(), err)
		}
		b.rows = append(b.rows, rowRule{expr.Canonical(e), r})
	case member:
	}
	return nil
}

// bucket finds or makes the place of a pattern.
func (n *node) bucket(pattern string) *bucket {
	if pattern == "**" {
		return &n.tail
	}
	part, rest, more := strings.Cut(pattern, "/")
	var next *node
	if part == "*" {
		if n.star == nil {
			n.star = &node{}
		}
		next = n.star
	} else {
		if n.kids == nil {
			n.kids = map[string]*node{}
		}
		if n.kids[part] == nil {
			n.kids[part] = &node{}
		}
		next = n.kids[part]
	}
	if !more {
		return &next.here
	}
	return next.bucket(rest)
}

// measure finds how many roles follow one another above s. A chain that is too
// long or comes back to its beginning is refused: casbin would silently look
// only so far.
func (s *subject) measure() error {
	switch s.depth {
	case 0:
	case measuring:
		return invalidf("the roles of %q go in a circle", clip(s.name))
	default:
		return nil
	}
	s.depth = measuring
	deepest := 1
	for _, p := range s.parents {
		if err := p.measure(); err != nil {
			return err
		}
		deepest = max(deepest, p.depth+1)
	}
	if deepest > maxDepth+1 {
		return invalidf("the roles of %q go more than %d deep", clip(s.name), maxDepth)
	}
	s.depth = deepest
	return nil
}

const measuring = -1

// gather adds at and its roles to the closure.
func (s *subject) gather(at *subject) {
	if slices.Contains(s.closure, at) {
		return
	}
	s.closure = append(s.closure, at)
	for _, p := range at.parents {
		s.gather(p)
	}
}

// find visits the rules whose patterns match the rest of a key.
func (n *node) find(rest string, more bool, to finder) {
	if !more {
		to.add(&n.here)
		return
	}
	to.add(&n.tail)
	part, rest, more := strings.Cut(rest, "/")
	if k := n.kids[part]; k != nil {
		k.find(rest, more, to)
	}
	if n.star != nil {
		n.star.find(rest, more, to)
	}
}

type finder interface{ add(b *bucket) }
