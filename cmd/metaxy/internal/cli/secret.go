package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/metaxy-go/metaxy/compose/config"
	"github.com/metaxy-go/metaxy/core"
)

// secretFlag is where a secret is, "env:NAME" or "file:PATH". A secret is never
// the value of a flag: other users of the machine see the arguments of programs.
type secretFlag struct {
	ref  string
	flag string // its name, for messages
}

// reveal reads the secret. Its errors never show what is there.
func (f secretFlag) reveal() (string, error) {
	s, err := config.SecretAt(f.ref, "")
	if err != nil {
		return "", usagef("--%s: %w", f.flag, err)
	}
	text, err := s.Reveal()
	if err != nil {
		return "", usagef("--%s: %w", f.flag, err)
	}
	return text, nil
}

// errNoTerminal says that nobody can be asked.
var errNoTerminal = errors.New("there is no terminal to ask at")

// askSecret asks without echo; twice, where a mistake would not show.
func (a *app) askSecret(what string, twice bool) ([]byte, error) {
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, errNoTerminal
	}
	ask := func(prompt string) ([]byte, error) {
		fmt.Fprint(a.err, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.err)
		return text, err
	}
	text, err := ask(what + ": ")
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, usagef("an empty %s", strings.ToLower(what))
	}
	if !twice {
		return text, nil
	}
	again, err := ask(what + " again: ")
	if err == nil && !bytes.Equal(text, again) {
		err = usagef("these were two different ones")
	}
	return text, err
}

// confirm asks before what cannot be taken back. Off a terminal --yes must say
// it.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return usagef("%s Confirm it with --yes", question)
	}
	fmt.Fprint(a.err, question+" [y/N] ")
	line, err := bufio.NewReader(io.LimitReader(f, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

var errNotConfirmed = errors.New("not confirmed: nothing was changed")

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: %s is there already and stays as it is", core.ErrConflict, path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
