package bellhop_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"bellhop/shopify/admin"
)

// page is one Markdown file, without its blocks of code.
type page struct {
	path, title string
	links       []link
	anchors     map[string]bool
}

type link struct{ text, target string }

var (
	codeBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	linkTo    = regexp.MustCompile(`\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)`)
	numbered  = regexp.MustCompile(`(?m)^\d+\. `)
	heading   = regexp.MustCompile(`(?m)^#+ (.+)$`)
	function  = regexp.MustCompile("`(\\w+\\.)?\\w+`")
)

func readPage(t *testing.T, name string) page {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := codeBlock.ReplaceAllString(string(raw), "")
	p := page{path: name, anchors: map[string]bool{}}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		if p.title == "" {
			p.title = h[1]
		}
		p.anchors[anchor(h[1])] = true
	}
	for _, l := range linkTo.FindAllStringSubmatch(text, -1) {
		p.links = append(p.links, link{strings.Join(strings.Fields(l[1]), " "), l[2]})
		for _, inner := range linkTo.FindAllStringSubmatch(l[1], -1) { // a picture that is a link
			p.links = append(p.links, link{inner[1], inner[2]})
		}
	}
	return p
}

// anchor returns GitHub's name of a heading in an address.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// pages are all Markdown files of the project.
func pages(t *testing.T) (all []page) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		hidden := name != "." && strings.HasPrefix(d.Name(), ".")
		if d.IsDir() && (hidden || d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "build") {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".md") {
			all = append(all, readPage(t, filepath.ToSlash(name)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// file is the path that a link on a page leads to, "" if it leads elsewhere.
func (p page) file(l link) (file, anchor string) {
	u, err := url.Parse(l.target)
	if err != nil || u.IsAbs() {
		return "", ""
	}
	if u.Path == "" {
		return p.path, u.Fragment
	}
	return filepath.ToSlash(filepath.Join(filepath.Dir(p.path), u.Path)), u.Fragment
}

func TestNoLinkIsDead(t *testing.T) {
	known := map[string]page{}
	for _, p := range pages(t) {
		known[p.path] = p
	}
	for _, p := range known {
		for _, l := range p.links {
			file, anchor := p.file(l)
			if file == "" {
				continue
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", p.path, l.target)
			} else if anchor != "" && !known[file].anchors[anchor] {
				t.Errorf("%s links to %s: the page has no such heading", p.path, l.target)
			}
		}
	}
}

// TestEveryPageIsFound keeps the indexes whole: each names every page by its title.
func TestEveryPageIsFound(t *testing.T) {
	for index, folders := range map[string][]string{
		"README.md":          {"docs"},
		"docs/README.md":     {"docs", "deploy/compose", "."},
		"docs/adr/README.md": {"docs/adr"},
	} {
		in, named := readPage(t, index), map[string]string{}
		for _, l := range in.links {
			file, _ := in.file(l)
			named[file] += l.text + "\n"
		}
		for _, folder := range folders {
			found, err := filepath.Glob(folder + "/*.md")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range found {
				if p := readPage(t, filepath.ToSlash(filepath.Clean(name))); p.path != index &&
					!strings.Contains(named[p.path], p.title) {
					t.Errorf("%s does not link to %s by its title, %q", index, p.path, p.title)
				}
			}
		}
	}
}

// TestEveryFolderIsOnTheFirstPage keeps the table of folders whole.
func TestEveryFolderIsOnTheFirstPage(t *testing.T) {
	const name = "docs/architecture.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources(t) {
		own := s.folder == "." || strings.HasPrefix(s.folder, "deploy/check/") // a module of its own
		if !s.test && !own && !strings.Contains(string(text), "`"+s.folder+"`") {
			t.Errorf("%s does not name the folder of %s", name, s.path)
		}
	}
}

// declared are the functions of a Go file, methods as Type.Name.
func declared(t *testing.T, name string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		receiver := ""
		if fn.Recv != nil {
			ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && receiver == "" {
					receiver = id.Name + "."
				}
				return true
			})
		}
		all[receiver+fn.Name.Name] = true
	}
	return all
}

// TestFunctionsThatPagesNameAreThere checks each link to a Go file whose text names a
// function. docs/life-of-an-order.md has one in each sentence.
func TestFunctionsThatPagesNameAreThere(t *testing.T) {
	const life = "docs/life-of-an-order.md"
	text, err := os.ReadFile(life)
	if err != nil {
		t.Fatal(err)
	}
	sentences, checked := len(numbered.FindAll(text, -1)), 0
	for _, p := range pages(t) {
		for _, l := range p.links {
			file, _ := p.file(l)
			named := function.FindStringSubmatch(l.text)
			if !strings.HasSuffix(file, ".go") || named == nil || named[0] != l.text {
				continue
			}
			if p.path == life {
				checked++
			}
			if _, err := os.Stat(file); err != nil {
				continue // TestNoLinkIsDead says so
			}
			if name := strings.Trim(l.text, "`"); !declared(t, file)[name] {
				t.Errorf("%s names %s, which is not in %s", p.path, name, file)
			}
		}
	}
	if checked == 0 || checked != sentences {
		t.Errorf("%s has %d sentences and %d links to functions", life, sentences, checked)
	}
}

// TestConnectingNamesTheScopes: an app that asks for fewer gets no webhooks of some topics.
func TestConnectingNamesTheScopes(t *testing.T) {
	page, err := os.ReadFile("docs/connect.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(admin.WantedScopes, ",")
	for _, place := range []string{"| Scopes | `" + want + "` |", `scopes = "` + want + `"`} {
		if !strings.Contains(string(page), place) {
			t.Errorf("docs/connect.md lacks %s", place)
		}
	}
}
