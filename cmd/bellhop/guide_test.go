package main

import (
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// guide FILE runs the blocks of shell of a page, one after the other in one shell, as a reader would.
func guide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: guide FILE")
	}
	text, err := os.ReadFile(args[0])
	ts.Check(err)
	var script strings.Builder
	blocks := shellBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		ts.Fatalf("%s has no blocks of shell", args[0])
	}
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	ts.Check(ts.Exec("bash", "-euxo", "pipefail", "-c", script.String()))
}
