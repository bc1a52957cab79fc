package bellhop_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// floors says on which floor each folder stands; a subfolder stands on its
// parent's. A folder imports only from floors below its own, and from its
// parent. docs/architecture.md says what the floors are for.
var floors = map[string]float64{
	"cmd/bellhop": 6, "cmd/bellhop-bench": 6, "cmd/bellhop-lambda": 6, "deploy": 6, "examples": 6,
	"host": 5, "demo": 5,
	"web": 4, "wire": 4, "bench": 4,
	"web/site": 4.5, "web/webtest": 4.6, // they assemble the folders of web
	"pipeline": 3, "simulate": 3, "connect": 3,
	"reconcile": 3.1, // it compares shops by their connections
	"shopify":   2, "queue": 2, "store": 2, "push": 2, "events": 2, "mail": 2, "i18n": 2, "chart": 2, "identity": 2,
	"statement": 2.5,       // it reads the store's port
	"internal":  1, ".": 0, // one floor on the design page; internal needs the root's nouns
	// What the internal folders share; it needs none of them.
	"internal/bodies": 0.5, "internal/envelope": 0.5, "internal/wait": 0.5,
	// What the drivers of the store share: the rules, the kit, moving, and reading rows.
	"store/driver": 2.1, "store/rules": 2.15, "store/move": 2.2, "store/rows": 2.25,
	"store/sealed": 2.1, "store/sqlitestore": 2.3, "store/pgstore": 2.3, "store/storetest": 2.4,
	"bench/prices": 3, // what the folders of bench share; it needs none of them
}

// vendors says where alone a vendor's library may be imported, so that deleting
// the folder removes every mention of the vendor. bench is among them: it also measures vendors
// without bellhop.
var vendors = map[string][]string{
	"github.com/ncruces/go-sqlite3":           {"internal", "bench"},
	"github.com/pressly/goose":                {"internal/sqlitefile", "internal/postgres"},
	"github.com/jackc/pgx":                    {"internal/postgres", "internal/realserver", "store/pgstore", "queue/pgqueue", "bench"},
	"github.com/aws/aws-sdk-go-v2":            {"internal/amazon", "internal/lambdaruntime", "queue/sqsqueue", "host/lambdahost", "bench"},
	"github.com/rabbitmq/amqp091-go":          {"internal/rabbit", "queue/amqpqueue", "events/amqpevents", "examples", "bench"},
	"github.com/aws/aws-lambda-go":            {"host/lambdahost", "cmd/bellhop-lambda"},
	"google.golang.org/api":                   {}, // tests alone
	"github.com/danielgtaylor/huma":           {"web/api"},
	"github.com/alecthomas/kong":              {"cmd"},
	"go.opentelemetry.io/otel/sdk":            {"wire"},
	"go.opentelemetry.io/otel/exporters":      {"wire"},
	"github.com/goccy/go-json":                {"shopify", "store/driver"},
	"github.com/rogpeppe/go-internal":         {"cmd/bellhop"},
	"github.com/cloudevents/sdk-go":           {"events/eventstest"},
	"github.com/santhosh-tekuri/jsonschema":   {"events/eventstest"},
	"github.com/HdrHistogram/hdrhistogram-go": {"bench"},
	"github.com/nicksnyder/go-i18n":           {"i18n"},
	"github.com/bojanz/currency":              {"i18n"},
	"github.com/SherClockHolmes/webpush-go":   {"push/webpush"},
	"github.com/go-playground/locales":        {"i18n"},
	"github.com/golang-jwt/jwt":               {"shopify/admin"},
	"github.com/vektah/gqlparser":             {"shopify/admin", "simulate/shop"},
	"github.com/coreos/go-oidc":               {"identity"},
	"filippo.io/age":                          {"internal/agefile"},
	"github.com/wneessen/go-mail":             {"mail/smtpmail"},
}

// source is one Go file.
type source struct {
	path    string // slash-separated, from the module's root
	folder  string
	test    bool // a _test.go file
	outside bool // a test in a package of its own, which may import upward
	file    *ast.File
}

func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" ||
			d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		test := strings.HasSuffix(name, "_test.go")
		all = append(all, source{path: filepath.ToSlash(name), folder: path.Dir(filepath.ToSlash(name)), test: test,
			outside: test && strings.HasSuffix(f.Name.Name, "_test"), file: f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files", len(all))
	}
	return all
}

func floorOf(folder string) (floor float64, known bool) {
	for f := folder; ; f = path.Dir(f) {
		if n, ok := floors[f]; ok && (f != "." || folder == ".") {
			return n, true
		}
		if f == "." {
			return 0, false
		}
	}
}

// sharedByDrivers are folders beside the drivers of a port that are none.
var sharedByDrivers = map[string]bool{"store/rules": true, "store/driver": true, "store/move": true, "store/rows": true,
	"store/sealed": true}

// isDriver reports whether a folder holds a driver of a port.
func isDriver(folder string) bool {
	switch path.Dir(folder) {
	case "queue", "store", "push", "events", "mail":
		return !isSuite(folder) && !sharedByDrivers[folder]
	}
	return false
}

// isSuite reports whether a folder holds a conformance suite, for tests alone.
func isSuite(folder string) bool { return path.Dir(folder) != "." && strings.HasSuffix(folder, "test") }

// wrong returns the fault of an import of our own, or "".
func wrong(s source, to string) string {
	from := s.folder
	above, known := floorOf(from)
	below, knownTo := floorOf(to)
	switch {
	case !known || !knownTo:
		return "has no floor: say in floors_test.go where it stands"
	case s.outside, from == to:
		return ""
	case isSuite(to) && !s.test && !isSuite(from):
		return "is for tests alone"
	case isDriver(to) && from != "wire" && !s.test:
		return "is a driver, and only wire opens drivers"
	case to == "internal/sqlitefile" && !isDriver(from) && from != "wire" && !s.test:
		return "is for the SQLite drivers and wire"
	case to == "internal/realserver" && !s.test && !isSuite(from) && path.Dir(from) != to:
		return "is for tests alone"
	case path.Dir(from) == to, s.test && isSuite(to):
		return ""
	case below >= above:
		return fmt.Sprintf("climbs: floor %v imports from floor %v", above, below)
	}
	return ""
}

func TestNoImportClimbs(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range s.file.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			if to, ours := strings.CutPrefix(name+"/", "bellhop/"); ours {
				if to = strings.TrimSuffix(to, "/"); to == "" {
					to = "."
				}
				if what := wrong(s, to); what != "" {
					t.Errorf("%s imports %s, which %s", s.path, name, what)
				}
				continue
			}
			if first, _, _ := strings.Cut(name, "/"); s.folder == "." && !s.test && strings.Contains(first, ".") {
				t.Errorf("%s imports %s: the root imports the standard library only", s.path, name)
			}
		}
	}
}

func TestVendorsStayInTheirFolders(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range s.file.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			for vendor, folders := range vendors {
				if !s.test && (name == vendor || strings.HasPrefix(name, vendor+"/")) && !within(s.folder, folders) {
					t.Errorf("%s imports %s, which belongs into %v alone", s.path, name, folders)
				}
			}
		}
	}
}

func within(folder string, folders []string) bool {
	for _, f := range folders {
		if folder == f || strings.HasPrefix(folder, f+"/") {
			return true
		}
	}
	return false
}

// TestPackagesSayWhatTheyAreFor keeps it true that each package opens with its
// purpose.
func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	said, has, command := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		has[s.folder] = true
		command[s.folder] = s.file.Name.Name == "main"
		if s.file.Doc != nil {
			said[s.folder] += s.file.Doc.Text()
		}
	}
	for folder := range has {
		doc := said[folder]
		begins := "Package " + path.Base(folder)
		switch {
		case folder == ".":
			begins = "Package bellhop"
		case command[folder]:
			begins = "Command " + path.Base(folder)
		}
		if !strings.HasPrefix(doc, begins+" ") || len(strings.Fields(doc)) < 10 {
			t.Errorf("%s opens with %q: begin with %q and say what it is for", folder, doc, begins)
		}
	}
}
