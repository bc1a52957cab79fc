package web

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bellhop"
	"bellhop/shopify/admin"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Folders whose errors a call of the API can end with.
var answering = []string{"..", ".", "api", "../connect", "../identity", "../store/driver", "../store/rules",
	"../store/pgstore", "../store/sqlitestore", "../statement", "../internal/postgres", "../internal/sqlitefile"}

// Codes of those folders that no call ends with: what a process finds when it starts, what only the console, the
// commands or the workers ask for, and what would be a mistake of ours.
var unanswered = strings.Fields(`
	answer
	setting database_url database_version schema_newer schema_older backup backup_runs damaged email_unverified link_used
	event_id mark money hash file key statement lines fact claim lease lease_taken least pushes access grant scopes
	subscriptions person request orders why events reason export_too_large altered asked by bulk hours pending key_changed
	no_account:403 statement_taken statement_too_large session_exists invitation_exists link_not_found event_not_found`)

// Expressions that are codes, and what they can be.
var computed = map[string][]string{
	"code": nil, "e.Code": nil, "a.problem.Code": nil, // hand a code on
	"name":             nil, // of a parameter of the console's; the API's library has its own words
	"f.code":           {"at_least", "loud_from", "quiet_from", "quiet_to"},
	"amountCode":       {"at_least", "loud_from", "from"},
	"what":             {"email", "name", "installation", "address", "locale", "timezone", "reason"},
	"conn.Reason":      nil, // a refusal of Shopify's
	"says[0]":          {"shop_exists", "email_taken", "invitation_exists", "session_exists", "token_exists"},
	`"too_many_"+what`: nil, `what+"_not_found"`: nil, // by their callers
	"string(admin.ScopeMissing)": {string(admin.ScopeMissing)},
}

// found are codes with the statuses that they come with, 0 for any.
type found map[string]map[int]bool

func (f found) add(code string, status int) {
	if f[code] == nil {
		f[code] = map[int]bool{}
	}
	f[code][status] = true
}

// TestEveryCodeIsListed gathers the codes from the source: who adds one lists it.
func TestEveryCodeIsListed(t *testing.T) {
	in := found{}
	for _, dir := range answering {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				gather(t, name, n, in)
				return true
			})
		}
	}
	for status, code := range codes {
		in.add(code, status)
	}
	in.add("internal", 500)
	for _, r := range admin.Refusals() {
		in.add(string(r), 0)
	}
	listed := map[string]Code{}
	for _, g := range Codes() {
		for _, c := range g.Codes {
			if listed[c.Code].Code != "" || slices.Contains(unanswered, c.Code) {
				t.Errorf("%s is listed twice", c.Code)
			}
			if listed[c.Code] = c; in[c.Code] == nil {
				t.Errorf("%s is listed, and nothing has it", c.Code)
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(in)) {
		if slices.Contains(unanswered, code) {
			continue
		}
		if listed[code].Code == "" {
			t.Errorf("%s is in no group of Codes: say there when it comes and what a client does", code)
		}
		for status := range in[code] {
			here := slices.Contains(unanswered, fmt.Sprint(code, ":", status))
			if status != 0 && listed[code].Code != "" && !slices.Contains(listed[code].Statuses, status) && !here {
				t.Errorf("%s comes with status %d, too", code, status)
			}
		}
	}
}

// gather adds the codes in one expression.
func gather(t *testing.T, file string, n ast.Node, in found) {
	t.Helper()
	switch n := n.(type) {
	case *ast.CallExpr:
		args := n.Args
		switch called(n.Fun) {
		case "Errorf":
			if kind, ok := kinds[called(args[0])]; ok && kind != bellhop.Internal {
				code(t, file, args[1], statusOf(kind), in)
			}
		case "Invalidf":
			code(t, file, args[0], 400, in)
		case "place": // of the stream, by a parameter
			if len(args) == 3 {
				code(t, file, args[1], 400, in)
			}
		case "NewProblem":
			if name, _ := strconv.Unquote(written(args[1])); name != "" {
				in.add(name, statusNames[called(args[0])])
			}
		case "NotFound":
			if name, err := strconv.Unquote(written(args[0])); err == nil {
				in.add(name+"_not_found", 404)
			}
		case "ParseID":
			if name, err := strconv.Unquote(written(args[1])); err == nil {
				in.add(name+"_not_found", 404)
			}
		case "TooMany":
			if name, err := strconv.Unquote(written(args[0])); err == nil {
				in.add("too_many_"+name, 409)
			}
		}
	case *ast.CompositeLit:
		if called(n.Type) != "Error" {
			return
		}
		var kind, name ast.Expr
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				switch called(kv.Key) {
				case "Kind":
					kind = kv.Value
				case "Code":
					name = kv.Value
				}
			}
		}
		if k, ok := kinds[called(kind)]; ok && name != nil {
			code(t, file, name, statusOf(k), in)
		}
	}
}

func code(t *testing.T, file string, e ast.Expr, status int, in found) {
	t.Helper()
	text := written(e)
	if name, err := strconv.Unquote(text); err == nil {
		in.add(name, status)
		return
	}
	can, known := computed[text]
	if !known {
		t.Errorf("%s: nobody says which codes %s can be", file, text)
	}
	for _, name := range can {
		in.add(name, status)
	}
}

var kinds = map[string]bellhop.Kind{"Internal": bellhop.Internal, "Invalid": bellhop.Invalid,
	"Unauthenticated": bellhop.Unauthenticated, "Forbidden": bellhop.Forbidden, "NotFound": bellhop.NotFound,
	"Conflict": bellhop.Conflict, "TooLarge": bellhop.TooLarge, "RateLimited": bellhop.RateLimited,
	"Unavailable": bellhop.Unavailable}

var statusNames = map[string]int{"StatusBadRequest": 400, "StatusForbidden": 403, "StatusRequestTimeout": 408,
	"StatusServiceUnavailable": 503}

// called is the last name of what is called or named.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// written is an expression as the source has it, as far as codes need.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Value
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	case *ast.BinaryExpr:
		return written(e.X) + e.Op.String() + written(e.Y)
	case *ast.CallExpr:
		return written(e.Fun) + "(" + written(e.Args[0]) + ")"
	case *ast.IndexExpr:
		return written(e.X) + "[" + written(e.Index) + "]"
	}
	return fmt.Sprintf("%T", e)
}

// TestPageOfProblems keeps docs/problems.md as the codes are.
func TestPageOfProblems(t *testing.T) {
	const page, end = "../docs/problems.md", "<!-- end of the codes -->"
	const begin = "<!-- the codes, written by: go test ./web -run PageOfProblems -update -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, there := strings.Cut(string(text), begin)
	_, tail, ends := strings.Cut(rest, end)
	if !there || !ends {
		t.Fatalf("%s has no place for the codes", page)
	}
	var b strings.Builder
	for _, g := range Codes() {
		fmt.Fprintf(&b, "\n## %s\n\n| code | status | when | what the client does |\n|---|---|---|---|\n", g.Title)
		for _, c := range slices.SortedStableFunc(slices.Values(g.Codes), func(x, y Code) int {
			return cmp.Compare(x.Statuses[0], y.Statuses[0])
		}) {
			statuses := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Statuses), " ", ", "), "[]")
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Code, statuses, c.When, c.Do)
		}
	}
	now := head + begin + "\n" + b.String() + "\n" + end + tail
	if now == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is not as Codes; run: go test ./web -run PageOfProblems -update", page)
	}
	if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
		t.Fatal(err)
	}
}
