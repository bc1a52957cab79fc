package check

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const root = "../.."

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// parseDockerfile returns the stages, and what the linter has to say of them.
func parseDockerfile(t *testing.T, text []byte) (stages []instructions.Stage, warnings []string) {
	t.Helper()
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, msg string, at []parser.Range) {
		warnings = append(warnings, rule+": "+msg)
	}})
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range tree.Warnings {
		warnings = append(warnings, w.Short)
	}
	if stages, _, err = instructions.Parse(tree.AST, lint); err != nil {
		t.Fatal(err)
	}
	return stages, warnings
}

func TestDockerfile(t *testing.T) {
	stages, warnings := parseDockerfile(t, read(t, root+"/Dockerfile"))
	for _, w := range warnings {
		t.Error(w)
	}
	if len(stages) != 2 {
		t.Fatalf("there are %d stages", len(stages))
	}
	build, final := stages[0], stages[1]
	if want := "golang:" + toolchain(t) + "-bookworm"; build.BaseName != want {
		t.Errorf("it is built on %s, and go.mod wants %s", build.BaseName, want)
	}
	if final.BaseName != "gcr.io/distroless/static-debian12:nonroot" {
		t.Errorf("it runs on %s", final.BaseName)
	}
	entry := 0
	for _, c := range final.Commands {
		switch c := c.(type) {
		case *instructions.EntrypointCommand:
			if entry++; c.PrependShell || len(c.CmdLine) != 1 || c.CmdLine[0] != "/bellhop" {
				t.Errorf("its entrypoint is %q, by a shell: %v", c.CmdLine, c.PrependShell)
			}
		case *instructions.RunCommand, *instructions.UserCommand:
			t.Errorf("%s: nothing runs there, and the user is the image's", c)
		}
	}
	if entry != 1 {
		t.Errorf("it has %d entrypoints", entry)
	}
}

// toolchain returns the Go that go.mod wants bellhop built with, as 1.26.10. In the
// image no other one is fetched.
func toolchain(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(string(read(t, root+"/go.mod"))) {
		if v, ok := strings.CutPrefix(line, "toolchain go"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatal("go.mod names no toolchain")
	return ""
}

// TestLinterSeesMistakes shows that the checks above find mistakes.
func TestLinterSeesMistakes(t *testing.T) {
	_, warnings := parseDockerfile(t, []byte("FROM scratch as X\nENTRYPOINT /bellhop serve\nMAINTAINER me\n"))
	if len(warnings) < 3 {
		t.Errorf("it says only %q", warnings)
	}
}

// TestContext holds .dockerignore against git: a tracked file that is left out
// makes the version a modified one, and any other secret goes to the builder.
func TestContext(t *testing.T) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(read(t, root+"/.dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignore, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(name string) bool {
		yes, err := ignore.MatchesOrParentMatches(name)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	tracked := strings.Fields(string(out))
	if len(tracked) < 100 {
		t.Fatalf("git tracks %d files", len(tracked))
	}
	for _, name := range tracked {
		if ignored(name) {
			t.Errorf("%s is tracked, and left out", name)
		}
	}
	for _, name := range []string{"deploy/compose/.env", "deploy/compose/secrets/fcm.json", "bellhop-data/bellhop.db",
		"internal/realserver/node/node_modules/fauxqs/package.json"} {
		if !ignored(name) {
			t.Errorf("%s goes to the builder", name)
		}
	}
}
