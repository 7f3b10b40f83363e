package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/layers/crypto/keys"
)

func (a *app) keysShredCommand(k *keyring) *cobra.Command {
	var subject string
	var yes bool
	cmd := &cobra.Command{
		Use:   "shred --subject ID",
		Short: "Make one subject's values unreadable for ever, in the whole history",
		Long: `Destroy the secret of one subject (a person, say). What is encrypted under it then
reads as null for everybody, in every commit and every copy of the store, and
nothing can be written for the subject any more. Nothing brings it back but a
backup of the file of subjects: see that there is none left.

Processes that have the store open see it at their next use of the file. A store
with access control wants admin on "**", and records it.

With --keyset, --subjects names the file of subjects; what becomes unreadable
is then not counted.`,
		Example: `  metaxy keys shred --subject person-17
  metaxy keys shred --subject person-17 --keyset ring.keys --subjects subjects.jsonl --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if subject == "" {
				return usagef("whose values? Say --subject ID")
			}
			if k.file != "" && k.subjects == "" {
				return usagef("--keyset goes with --subjects, the file of subjects")
			}
			if k.file == "" && k.subjects != "" {
				return usagef("--subjects is for --keyset: the store's crypto table says where its own is")
			}
			return a.shred(cmd, k, subject, yes)
		},
	}
	cmd.Flags().StringVar(&subject, "subject", "", "the subject, as the column that names it holds it")
	cmd.Flags().StringVar(&k.subjects, "subjects", "", "file of subjects (with --keyset)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) shred(cmd *cobra.Command, k *keyring, subject string, yes bool) error {
	ctx := cmd.Context()
	var provider keys.Provider
	var subjects *keys.Subjects
	govern := func(_ context.Context, _ string, change func() error) error { return change() }
	lost := []string{"what is encrypted under the subject's secret"}
	if k.file == "" {
		o, err := a.governed(cmd, k)
		if err != nil {
			return err
		}
		if o.Subjects == nil {
			return usagef("store %s has no secrets of subjects: its crypto table has no subjects", o.Name)
		}
		if lost, err = a.subjectUse(cmd, o, subject); err != nil {
			return err
		}
		ctx = cmd.Context() // knows by now who calls
		provider, subjects, govern = o.Keys, o.Subjects, o.ChangeKeys
	} else {
		at, f, err := k.open(ctx, a)
		if err != nil {
			return err
		}
		defer func() { _ = at.Close() }()
		if subjects, err = at.OpenSubjects(); err != nil {
			return atFile(at.Subjects, err)
		}
		provider = f
	}
	ring, err := provider.Ring(ctx)
	if err != nil {
		return err
	}
	secrets, errs, err := subjects.Secrets(ctx, ring, []string{subject}, false)
	switch {
	case err != nil:
		return err
	case errors.Is(errs[0], keys.ErrShredded):
		a.say("the subject was shredded before")
		return nil
	case errs[0] != nil:
		return errs[0]
	}
	question := "Make unreadable for ever: " + listedKeys(lost) + "?"
	if secrets[0] == "" {
		question = "The subject has no secret: nothing is encrypted under it. Refuse writes for it from now on?"
	}
	if err := a.confirm(yes, question); err != nil {
		return err
	}
	// Whose values they were is not recorded: the trail holds no value of a row.
	if err := govern(ctx, "shred a subject", func() error { return subjects.Shred(ctx, provider, subject) }); err != nil {
		return err
	}
	if secrets[0] == "" {
		a.say("shredded; nothing was encrypted under it")
		return nil
	}
	a.say("shredded; unreadable now:")
	for _, l := range lost {
		a.say("  %s", l)
	}
	return nil
}

// subjectUse says which values of the store are encrypted under the subject's
// secret, a line for each column.
func (a *app) subjectUse(cmd *cobra.Command, o *config.Opened, subject string) ([]string, error) {
	held, err := o.Held(cmd.Context())
	if err != nil {
		return nil, err
	}
	bar := a.progress("counting", int64(len(held)))
	defer bar.done()
	var lines []string
	for _, key := range held {
		bar.describe("counting " + string(key))
		use, err := o.SubjectUse(cmd.Context(), key, subject)
		if err != nil {
			return nil, err
		}
		for _, column := range slices.Sorted(maps.Keys(use)) {
			lines = append(lines, fmt.Sprintf("%s: %s of %q", key, howMany(use[column], "value"), column))
		}
		bar.add(1)
	}
	if len(lines) == 0 {
		lines = append(lines, "no value of this store")
	}
	return lines, nil
}
