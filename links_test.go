package bellhop_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// unlinked lists packages that a program must not link, by the beginning of their
// path: they would weigh in its memory and in its file.
var unlinked = map[string][]string{
	"./cmd/bellhop": {
		"bellhop/bench", "bellhop/internal/lambdaruntime", "bellhop/internal/realserver", "bellhop/cmd/",
		"github.com/HdrHistogram/", "github.com/wcharczuk/", "github.com/golang/freetype", "golang.org/x/image",
		"github.com/aws/aws-sdk-go-v2/service/s3", "google.golang.org/api", "google.golang.org/grpc", "testing",
	},
	"./cmd/bellhop-lambda": {
		"bellhop/web/api", "bellhop/web/console", "bellhop/web/site", "bellhop/demo", "bellhop/chart", "bellhop/bench",
		"bellhop/internal/results", "html/template",
		"github.com/danielgtaylor/huma", "github.com/wcharczuk/", "bellhop/internal/sqlitefile", "github.com/ncruces/",
		"bellhop/internal/rabbit", "testing",
	},
}

// linkedAs returns the tags with which the Makefile builds a program.
func linkedAs(t *testing.T, program string) string {
	t.Helper()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	build := regexp.MustCompile(`go build [^\n]*-tags (\S+) (?:[^\n]*\\\n)*[^\n]*` + regexp.QuoteMeta(program) + `\s`)
	if m := build.FindStringSubmatch(string(makefile)); m != nil {
		return m[1]
	}
	return ""
}

func TestProgramsLinkOnlyWhatTheyNeed(t *testing.T) {
	for program, without := range unlinked {
		list := exec.Command("go", "list", "-deps", "-tags", linkedAs(t, program), program)
		list.Env = append(os.Environ(), "GOOS=linux")
		out, err := list.Output()
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
