// Package rbac is the layer that decides who may do what, down to columns and
// rows, and records it.
//
// # Decisions
//
// Every call needs an identity in its context (package identity); without one
// it is core.ErrUnauthenticated. A [Policy] holds rules in casbin's model and
// comes from a file, from text or from any casbin adapter. Nothing is allowed
// unless a rule allows it, and a rule that denies always wins. A call that is
// denied touches nothing below.
//
//	p, role:analyst, video/**, read, allow       an operation on features
//	p2, *, video/**, email, hash                 how a column is shown
//	p3, role:us-team, video/**, region = 'us'    which rows there are
//	g, user:ann, role:analyst                    who has a role
//
// A subject is "user:", "service:", "group:" or "role:" and a name, or "*" for
// every identity. In a feature pattern "*" is one part of a key and "**", at
// the end alone, one or more. Actions are the names of core.Op, "*" for all of
// them, and "admin", which "*" does not include, for changes of the policy.
//
// Resolve needs "resolve" on the feature and "read" on each upstream. List
// needs "list" somewhere and shows what the caller may list and stat.
//
// # Columns and rows
//
// A hidden column is, for the caller, not there: not in a schema, not in
// results, and naming it is core.ErrDenied, whether it exists or not. A masked
// column is shown as null, as a keyed hash or by its last four characters.
// Neither can be used in a filter, in a dependency's filter or as a join key,
// because every answer would tell something of the values. Nested fields are
// protected with their column: a rule about "a.b" protects all of "a".
//
// Several row rules are joined by OR, the result by AND with the caller's own
// filter, and storage gets both. Whoever sees some rows gets no count of all
// of them (Info.Rows is -1), a Resolve computed from what they see, and may
// write, replace and retire only samples within their rows: such a write reads
// the ids of the feature first. The rule is about the rows that are read: the
// past shows the rows that satisfied it then.
//
// Rules name columns, so Evolve could take a column away from them. A column
// that is kept from the caller does not change; nor, without "admin" on the
// feature, does one that anybody's row rule uses, nor is one that is kept from
// anybody renamed unless every rule about it is about the new name too.
//
// # What is not protected
//
// That a feature exists whose key the caller may not see is not told, but
// commit numbers, times and, to writers, column names are. Data versions of a
// root feature are often hashes of content: hide "data_version" where guesses
// must not be confirmed.
package rbac
