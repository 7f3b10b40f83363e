package rbac

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/core/expr"
)

// expectationColumns are the columns of a table. The first four must be there.
var expectationColumns = [...]string{"identity", "op", "feature", "expect", "groups", "columns", "rows"}

const requiredColumns = 4

// ParseExpectations reads a table of comma-separated values. Its first line
// names the columns, in any order: identity, op, feature and expect, and if
// wanted groups, columns and rows. Several groups or columns are separated by
// semicolons, "#" begins a comment. Every mistake is reported, each with its
// line.
//
//	identity,     op,      feature,      expect, columns,      rows
//	user:ann,     read,    video/raw,    allow,  email: hash,  region = 'us'
//	role:analyst, write,   video/raw,    deny
func ParseExpectations(text string) ([]Expectation, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.TrimLeadingSpace, r.FieldsPerRecord = '#', true, -1
	header, err := r.Read()
	if err != nil {
		return nil, invalidf("a table of expectations begins with the names of its columns")
	}
	at, err := expectationHeader(header)
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	var out []Expectation
	var errs []error
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, errors.Join(errs...)
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return out, errors.Join(append(errs, fmt.Errorf("line %d: %w", bad.Line, invalidf("%w", bad.Err)))...)
		}
		if err != nil {
			return out, errors.Join(append(errs, err)...)
		}
		line, _ := r.FieldPos(0)
		e, err := expectationOf(fields, header, at)
		e.Line = line
		if err == nil {
			err = e.Check()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", line, err))
		}
		out = append(out, e)
	}
}

// expectationHeader says where each column stands, -1 where it does not.
func expectationHeader(header []string) (at [len(expectationColumns)]int, err error) {
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		if slices.Contains(header[:i], header[i]) {
			return at, invalidf("column %q is there twice", clip(header[i]))
		}
		if !slices.Contains(expectationColumns[:], header[i]) {
			if near, ok := expr.Nearest(header[i], expectationColumns[:]); ok {
				return at, invalidf("unknown column %q; did you mean %q?", clip(header[i]), near)
			}
			// What stands there is not shown: this may be no table at all.
			return at, invalidf("column %d is none of %s", i+1, strings.Join(expectationColumns[:], ", "))
		}
	}
	for i, name := range expectationColumns {
		if at[i] = slices.Index(header, name); at[i] < 0 && i < requiredColumns {
			return at, invalidf("there is no column %q", name)
		}
	}
	return at, nil
}

func expectationOf(fields, header []string, at [len(expectationColumns)]int) (Expectation, error) {
	get := func(column int) string {
		if i := at[column]; i >= 0 && i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	e := Expectation{
		Identity: get(0), Action: get(1), Feature: core.FeatureKey(get(2)), Expect: get(3),
		Groups: listed(get(4)), Columns: listed(get(5)), Rows: get(6),
	}
	if len(fields) > len(header) {
		return e, invalidf("%d fields under %d columns: quote a text that holds a comma", len(fields), len(header))
	}
	return e, nil
}

// listed takes a list apart; what is empty is none.
func listed(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
