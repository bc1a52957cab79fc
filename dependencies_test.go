package bellhop_test

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

var (
	required = regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/\S+) v\S+$`) // without "// indirect"
	reasoned = regexp.MustCompile("(?m)^- `(\\S+)`: \\S+")
)

// TestEveryDependencyHasAReason keeps docs/dependencies.md and go.mod the same.
func TestEveryDependencyHasAReason(t *testing.T) {
	in, reasons := modulesIn(t, "go.mod", required), modulesIn(t, "docs/dependencies.md", reasoned)
	if len(in) == 0 {
		t.Fatal("go.mod requires nothing: this test reads it wrong")
	}
	for _, m := range in {
		if !slices.Contains(reasons, m) {
			t.Errorf("go.mod requires %s: say in a line of docs/dependencies.md why, or do without", m)
		}
	}
	for i, m := range reasons {
		if !slices.Contains(in, m) || slices.Contains(reasons[:i], m) {
			t.Errorf("docs/dependencies.md lists %s, which go.mod does not require", m)
		}
	}
}

func modulesIn(t *testing.T, file string, line *regexp.Regexp) (all []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range line.FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	return all
}
