package bellhop_test

import (
	"os/exec"
	"strings"
	"testing"
)

// unlinked says what a program must not link, by the beginning of a package's path:
// it would weigh in its memory and in its file.
var unlinked = map[string][]string{
	"./cmd/bellhop": {
		"bellhop/bench", "bellhop/internal/lambdaruntime", "bellhop/internal/realserver", "bellhop/cmd/",
		"github.com/HdrHistogram/", "github.com/wcharczuk/", "github.com/golang/freetype", "golang.org/x/image", "testing",
	},
}

func TestProgramsLinkOnlyWhatTheyNeed(t *testing.T) {
	for program, without := range unlinked {
		out, err := exec.Command("go", "list", "-deps", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for name := range strings.Lines(string(out)) {
			name = strings.TrimSpace(name)
			for _, w := range without {
				if strings.HasPrefix(name, w) && "./"+strings.TrimPrefix(name, "bellhop/") != program {
					t.Errorf("%s links %s", program, name)
				}
			}
		}
	}
}
