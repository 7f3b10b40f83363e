package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"metaxy": main})
}

// runScripts runs the scripts of a folder. UPDATE=1 rewrites their golden
// parts.
func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: os.Getenv("UPDATE") != "", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("COLUMNS", "200")
			return nil
		},
		Cmds: commands,
	})
}

// TestScripts needs no backend but memory.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }
