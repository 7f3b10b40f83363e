package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac"
)

func (a *app) expectCommand(p *policing) *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE…",
		Short: "Compare the policy with tables of expected decisions",
		Long: `Compare the policy with tables of expected decisions, and print each that it does not
meet with its line and the reason. Exit code 2 says that there are some.

A table is comma-separated values with a line of names, "#" begins a comment:

  identity,     op,    feature,   expect, columns,     rows
  user:ann,     read,  video/raw, allow,  email: hash, region = 'us'
  role:analyst, write, video/raw, deny

or TOML, in a file whose name ends with .toml:

  [[expect]]
  identity = "user:ann"
  groups   = ["group:research"]
  op       = "read"
  feature  = "video/raw"
  expect   = "allow"
  columns  = ["title", "email: hash"]

An identity may be a role or a group: what it gives by itself. A column without a
word is expected as it is; with expect = deny, a request for a hidden column is
denied. rows is a condition, TRUE for all rows; without it any will do.`,
		Example: `  metaxy access test policy_test.csv
  metaxy access test policy_test.toml --policy policy.csv`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tables := make([][]rbac.Expectation, len(args))
			var errs []error
			for i, path := range args {
				var err error
				tables[i], err = readExpectations(path)
				errs = append(errs, err)
			}
			if err := errors.Join(errs...); err != nil {
				return err
			}
			return p.with(cmd.Context(), a, func(policy *rbac.Policy) error {
				failed, all := 0, 0
				for i, table := range tables {
					all += len(table)
					for _, u := range policy.Unmet(table) {
						failed++
						where := fmt.Sprintf("%s:%d: ", args[i], u.Line)
						u.Line = 0
						if _, err := fmt.Fprintln(a.out, where+u.String()); err != nil {
							return err
						}
					}
				}
				if failed > 0 {
					a.say("%d of %d expectations are not met", failed, all)
					return errStale
				}
				a.say("%d expectations are met", all)
				return nil
			})
		},
	}
}

// readExpectations reads a table. Its mistakes come all at once, each with file
// and line. A table without a line is one: it would always pass.
func readExpectations(path string) ([]rbac.Expectation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parse := rbac.ParseExpectations
	if strings.EqualFold(filepath.Ext(path), ".toml") {
		parse = tomlExpectations
	}
	table, err := parse(string(text))
	if err == nil && len(table) == 0 {
		err = usagef("the table expects nothing")
	}
	if err == nil {
		return table, nil
	}
	var lines []error
	for l := range strings.SplitSeq(err.Error(), "\n") {
		where := path + ":"
		if rest, ok := strings.CutPrefix(l, "line "); ok {
			l = rest
		} else {
			where += " "
		}
		lines = append(lines, &expectationError{where + l})
	}
	return nil, errors.Join(lines...)
}

// expectationError is a mistake in a table.
type expectationError struct{ text string }

func (e *expectationError) Error() string { return e.text }
func (e *expectationError) Unwrap() error { return core.ErrInvalid }

// tomlExpectations reads the tables [[expect]] of a document.
func tomlExpectations(text string) ([]rbac.Expectation, error) {
	var doc struct {
		Expect []struct {
			Identity string          `toml:"identity"`
			Groups   []string        `toml:"groups"`
			Op       string          `toml:"op"`
			Feature  core.FeatureKey `toml:"feature"`
			Expect   string          `toml:"expect"`
			Columns  []string        `toml:"columns"`
			Rows     string          `toml:"rows"`
		} `toml:"expect"`
	}
	d := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, tomlMistake(err)
	}
	at := headerLines(text)
	var out []rbac.Expectation
	var errs []error
	for i, e := range doc.Expect {
		x := rbac.Expectation{Identity: e.Identity, Groups: e.Groups, Action: e.Op, Feature: e.Feature, Expect: e.Expect, Columns: e.Columns, Rows: e.Rows}
		if i < len(at) {
			x.Line = at[i]
		}
		if err := x.Check(); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", x.Line, err))
		}
		out = append(out, x)
	}
	return out, errors.Join(errs...)
}

// tomlMistake gives the places of what is wrong with a document.
func tomlMistake(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		names := []string{"expect", "identity", "groups", "op", "feature", "columns", "rows"}
		var errs []error
		for _, e := range unknown.Errors {
			row, _ := e.Position()
			key := e.Key()
			errs = append(errs, fmt.Errorf("line %d: unknown key %q%s", row, strings.Join(key, "."), didYouMean(key[len(key)-1], names)))
		}
		return errors.Join(errs...)
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, _ := bad.Position()
		return fmt.Errorf("line %d: %s", row, strings.TrimPrefix(bad.Error(), "toml: "))
	}
	return err
}

// headerLines are the lines of the headers [[…]] of a document that is valid.
func headerLines(text string) []int {
	var p unstable.Parser
	data := []byte(text)
	p.Reset(data)
	var lines []int
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.ArrayTable {
			continue
		}
		if key := e.Key(); key.Next() {
			lines = append(lines, 1+bytes.Count(data[:key.Node().Raw.Offset], []byte("\n")))
		}
	}
	return lines
}
