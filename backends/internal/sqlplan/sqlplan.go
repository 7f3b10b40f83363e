// Package sqlplan writes the SQL that the SQL backends share: filters as conditions, and a plan as one statement that finds what is new,
// stale and orphaned. What differs between databases is a [Dialect].
//
// Every text from outside enters a statement through Dialect.Ident or Dialect.Text, never as it is.
package sqlplan

import (
	"math/big"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Dialect is how one database writes what this package needs.
type Dialect interface {
	// Ident quotes a name.
	Ident(name string) string
	// Text writes a string constant.
	Text(s string) string
	// Bytes writes a constant of bytes.
	Bytes(b []byte) string
	// Float writes a constant of a column of this floating-point type; it may be NaN or infinite.
	Float(t arrow.DataType, f float64) string
	// Value writes a constant of a column of this type from the integer that Arrow would hold: an integer, the unscaled digits of a
	// decimal, a count of a time's unit. It is not ok for types that the database does not keep in their order.
	Value(t arrow.DataType, v *big.Int) (sql string, ok bool)
	// Field takes a field of a struct.
	Field(sql, field string) string
	// Prefix is the condition that a text begins with a constant.
	Prefix(sql, prefix string) string
	// Like is the condition that a whole text matches an SQL pattern, whose escape character is a backslash.
	Like(sql, pattern string) string
	// SHA256 is the digest of a text as lowercase hex.
	SHA256(sql string) string
	// Concat joins texts, NULL counting as empty.
	Concat(sql ...string) string
	// Escape writes "\" and "|" inside a text as "\\" and "\|".
	Escape(sql string) string
	// IDText is the canonical text of an id (package ident) of this type.
	IDText(t arrow.DataType, sql string) (text string, ok bool)
	// Aggregate joins the texts of a group with "|", ordered bytewise by another text.
	Aggregate(sql, order string) string
}

// list joins with commas.
func list(parts []string) string { return strings.Join(parts, ", ") }

// and joins conditions; none is no condition.
func and(conditions ...string) string {
	var some []string
	for _, c := range conditions {
		if c != "" {
			some = append(some, c)
		}
	}
	return strings.Join(some, " AND ")
}

// Where writes a WHERE clause of conditions that may be empty, with a leading space, or nothing.
func Where(conditions ...string) string {
	if c := and(conditions...); c != "" {
		return " WHERE " + c
	}
	return ""
}
