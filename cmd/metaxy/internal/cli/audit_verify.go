package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/core"
	"github.com/metaxy-go/metaxy/layers/rbac/audit"
)

// verifying are the flags of audit verify.
type verifying struct {
	live, partial, asJSON bool
	holds                 string
}

func (a *app) auditVerifyCommand(t *trail) *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that the trail is as it was written",
		Long: `Check that every record is as it was written, in its place, and signed: nothing was
changed, removed, added or moved. The first record that is not is named with its
file, line and number; exit code 2.

A trail that is being written, or whose writer crashed, has no end that is signed:
say --live. What came after the last checkpoint is then counted as unsigned. A trail
that is a feature of the store always is: this command's own look is in it.

--holds SEQUENCE:HASH demands a record that was noted elsewhere, so that a trail
which was cut off or replaced by an older copy of itself is found out.`,
		Example: `  metaxy audit verify
  metaxy audit verify --live
  metaxy audit verify --dir /var/log/metaxy --public-key audit.pem.pub`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd, t, v) },
	}
	cmd.Flags().StringVar(&t.publicKey, "public-key", "", "file of the public key, or of several (default: the store's)")
	cmd.Flags().BoolVar(&v.live, "live", false, "accept a trail that is being written")
	cmd.Flags().BoolVar(&v.partial, "partial", false, "accept a trail whose first files were moved elsewhere")
	cmd.Flags().StringVar(&v.holds, "holds", "", "SEQUENCE:HASH of a record that the trail must have")
	cmd.Flags().BoolVar(&v.asJSON, "json", false, "print JSON")
	return cmd
}

func (v verifying) options() ([]audit.VerifyOption, error) {
	var opts []audit.VerifyOption
	if v.live {
		opts = append(opts, audit.Live())
	}
	if v.partial {
		opts = append(opts, audit.Partial())
	}
	if v.holds != "" {
		head, err := audit.ParseHead(v.holds)
		if err != nil {
			return nil, usagef("--holds: want the number of a record, a colon and its hash, as verify prints them")
		}
		opts = append(opts, audit.Holds(head))
	}
	return opts, nil
}

func (a *app) verify(cmd *cobra.Command, t *trail, v verifying) error {
	opts, err := v.options()
	if err != nil {
		return err
	}
	at, err := t.find(a)
	if err != nil {
		return err
	}
	key, err := t.verifier(at)
	if err != nil {
		return err
	}
	var reports []audit.Report
	if at.Dir != "" {
		var r audit.Report
		r, err = audit.Verify(cmd.Context(), at.Dir, key, opts...)
		reports = append(reports, r)
	} else {
		reports, err = a.verifyFeature(cmd, at.Feature, key, opts)
	}
	var damage *audit.DamageError
	if err != nil && !errors.As(err, &damage) {
		return err
	}
	for _, r := range reports {
		if err := a.printVerified(r, v.asJSON); err != nil {
			return err
		}
	}
	if damage != nil {
		return errStale
	}
	return nil
}

func (a *app) verifyFeature(cmd *cobra.Command, key core.FeatureKey, v audit.Verifier, opts []audit.VerifyOption) ([]audit.Report, error) {
	s, err := a.open(cmd)
	if err != nil {
		return nil, err
	}
	// This command's own chain is in it, and not at its end.
	return audit.VerifyStore(cmd.Context(), s, key, v, append(opts, audit.Live())...)
}

func (a *app) printVerified(r audit.Report, asJSON bool) error {
	if asJSON {
		return a.verifiedJSON(r)
	}
	if r.Broken != nil {
		_, err := fmt.Fprintln(a.out, a.color(red, "broken")+"  "+r.Broken.Error())
		return err
	}
	end := "closed"
	if !r.Closed {
		end = fmt.Sprintf("not closed, %s since the last checkpoint unsigned", howMany(r.Unsigned, "record"))
	}
	in := howMany(r.Files, "file")
	if r.Files == 0 {
		in = "chain " + r.Chain
	}
	a.say("%s  %s in %s, %d of them events, %s, %s", a.color(green, "ok"), howMany(r.Records, "record"), in,
		r.Events, howMany(r.Checkpoints, "checkpoint"), end)
	for _, rec := range r.Recoveries {
		a.say("    record %d: the trail was interrupted before it: %d bytes cut, %d records lost, %d events refused, %d records before it that nobody signed",
			rec.Seq, rec.Recovery.Cut, rec.Recovery.Lost, rec.Recovery.Refused, rec.Recovery.Unsigned)
	}
	a.say("    head %s", r.Head)
	return nil
}

func (a *app) verifiedJSON(r audit.Report) error {
	type broken struct {
		File   string       `json:"file"`
		Line   int          `json:"line"`
		Seq    int64        `json:"seq"`
		Damage audit.Damage `json:"damage"`
		Text   string       `json:"text"`
	}
	out := struct {
		OK          bool    `json:"ok"`
		Chain       string  `json:"chain"`
		Files       int     `json:"files"`
		Records     int64   `json:"records"`
		Events      int64   `json:"events"`
		Checkpoints int64   `json:"checkpoints"`
		Unsigned    int64   `json:"unsigned"`
		Closed      bool    `json:"closed"`
		Head        string  `json:"head"`
		Recoveries  int     `json:"recoveries"`
		TakenOver   int64   `json:"taken_over"` // records that nobody signed, before recoveries
		Broken      *broken `json:"broken,omitempty"`
	}{
		r.Broken == nil, r.Chain, r.Files, r.Records, r.Events, r.Checkpoints, r.Unsigned, r.Closed,
		r.Head.String(), len(r.Recoveries), 0, nil,
	}
	for _, rec := range r.Recoveries {
		out.TakenOver += rec.Recovery.Unsigned
	}
	if b := r.Broken; b != nil {
		out.Broken = &broken{b.File, b.Line, b.Seq, b.Damage, b.Text}
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
