package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// built names the variable with the path of the measured bellhop.
const built = "BUILT_BELLHOP"

// TestMain makes this test binary the program for the scripts, and what lies beside
// it the bellhop that TestScripts builds.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bellhop-bench": main, "bellhop": func() {
		err := syscall.Exec(os.Getenv(built), os.Args, os.Environ())
		fmt.Fprintln(os.Stderr, "run bellhop:", err)
		os.Exit(1)
	}})
}

// TestScripts runs each file of testdata/script in a folder of its own, with whole
// processes over real HTTP.
func TestScripts(t *testing.T) {
	program := filepath.Join(t.TempDir(), "bellhop")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "../bellhop")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build bellhop: %v: %s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv(built, program)
			e.Setenv("BELLHOP_DIR", e.Cd+"/data")
			e.Setenv("COLUMNS", "100") // the width of help
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"json": assertJSON},
	})
}

// json PATH WANT compares a value in the last stdout, such as points.0.rate; # is
// how many there are.
func assertJSON(ts *testscript.TestScript, neg bool, args []string) {
	var at any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	ts.Check(d.Decode(&at))
	for step := range strings.SplitSeq(args[0], ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			if step == "#" {
				at = len(v)
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				ts.Fatalf("there is no %s in a list of %d", step, len(v))
			}
			at = v[i]
		}
	}
	if got := fmt.Sprint(at); (got == args[1]) == neg {
		ts.Fatalf("%s is %q", args[0], got)
	}
}
