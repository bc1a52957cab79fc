package bellhop_test

import (
	"go/scanner"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is how long a line of Go may be, where a tab counts one column, as linters count
// it. Longer may be rows of a table, an address, and a raw string: struct tags, help texts, JSON.
const maxColumns = 120

var tableRow = regexp.MustCompile(`^\s*("[^"]*": *)?\{.*\},$`)

func TestLinesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		text, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		raw := rawLines(text)
		for i, line := range strings.Split(string(text), "\n") {
			n := utf8.RuneCountInString(line)
			if n > maxColumns && !raw[i+1] && !strings.Contains(line, "://") && !tableRow.MatchString(line) {
				t.Errorf("%s:%d has %d columns: break it before %d", s.path, i+1, n, maxColumns)
			}
		}
	}
}

// rawLines are the lines that a long raw string is on.
func rawLines(text []byte) map[int]bool {
	lines, files := map[int]bool{}, token.NewFileSet()
	file := files.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	for {
		pos, kind, literal := s.Scan()
		switch {
		case kind == token.EOF:
			return lines
		case kind == token.STRING && literal[0] == '`' && len(literal) > maxColumns/2:
			for n := range strings.Count(literal, "\n") + 1 {
				lines[file.Line(pos)+n] = true
			}
		}
	}
}
