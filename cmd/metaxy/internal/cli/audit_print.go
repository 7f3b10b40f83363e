package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/metaxy-go/metaxy/layers/rbac"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// printEvent prints an event on one line.
func (a *app) printEvent(r audit.Record, asJSON bool) error {
	e := r.Event
	if asJSON {
		return json.NewEncoder(a.out).Encode(struct {
			Seq      int64     `json:"seq"`
			Time     time.Time `json:"time"`
			Identity string    `json:"identity"`
			Op       string    `json:"op"`
			Part     string    `json:"part"`
			Feature  string    `json:"feature"`
			Columns  []string  `json:"columns"`
			Filter   string    `json:"filter"`
			Rows     int64     `json:"rows"`
			Decision string    `json:"decision"`
			Reason   string    `json:"reason"`
			Outcome  string    `json:"outcome"`
			Nanos    int64     `json:"nanos"`
		}{r.Seq, r.Time, e.Identity, opName(e), e.Part, string(e.Feature), e.Columns, e.Filter, e.Rows, e.Decision, e.Reason, e.Outcome, int64(e.Duration)})
	}
	line := []string{
		r.Time.UTC().Format(time.RFC3339), orDash(e.Identity), opName(e), orDash(string(e.Feature)), decided(e),
	}
	if e.Rows >= 0 {
		line = append(line, howMany(e.Rows, "row"))
	}
	if e.Duration > 0 {
		line = append(line, e.Duration.Round(time.Microsecond).String())
	}
	if e.Columns != nil {
		line = append(line, "columns "+strings.Join(e.Columns, ","))
	}
	if e.Filter != "" {
		line = append(line, "where "+e.Filter)
	}
	if e.Part != rbac.PartOutcome && e.Reason != "" {
		line = append(line, "("+e.Reason+")")
	}
	_, err := fmt.Fprintln(a.out, harmless(strings.Join(line, "  ")))
	return err
}

// opName names the operation, or the change of the policy.
func opName(e rbac.Event) string {
	if e.Op != 0 {
		return e.Op.String()
	}
	return orDash(e.Part)
}

func decided(e rbac.Event) string {
	word := e.Outcome
	if word == "" {
		word = e.Decision
	}
	return orDash(word)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// harmless escapes what could move the cursor or colors of a terminal: texts of
// the trail come from whoever called.
func harmless(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
