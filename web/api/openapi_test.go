package api_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bellhop/internal/realserver"
	"bellhop/web/site"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	golden = "testdata/openapi.json"
	client = "../../clients/typescript/src/api.ts"
)

func TestOpenAPIDocument(t *testing.T) {
	r := newRig(t)
	a := r.Call("GET", "/v1/openapi.json", "", "")
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, []byte(a.Body), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if a.Body != string(want) {
		t.Errorf("the API's document has changed; if that is meant, run: go test ./web/api -run OpenAPI -update")
	}
}

// TestOpenAPIClient generates the client in TypeScript from the document, and compares.
func TestOpenAPIClient(t *testing.T) {
	to := client
	if !*update {
		to = filepath.Join(t.TempDir(), "api.ts")
	}
	command, err := realserver.NodeCommand("openapi-typescript/bin/cli.js", golden, "--root-types",
		"--root-types-no-schema-prefix", "-o", to)
	realserver.Need(t, err)
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(to)
	must(t, err)
	want, err := os.ReadFile(client)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("the client in TypeScript is of another document: run: go test ./web/api -run OpenAPI -update")
	}
}

// The document is one of OpenAPI 3.1: it has all required parts, each reference
// leads somewhere, each parameter of a path is declared, and ids are unique.
func TestOpenAPIDocumentIsValid(t *testing.T) {
	doc := newRig(t).Call("GET", "/v1/openapi.json", "", "").JSON(t)
	if doc["openapi"] != "3.1.0" || doc["info"].(map[string]any)["version"] != "test" {
		t.Errorf("%v %v", doc["openapi"], doc["info"])
	}
	components := doc["components"].(map[string]any)
	schemas := components["schemas"].(map[string]any)
	used := map[string]bool{}
	each(doc, func(key string, v any) {
		if ref, ok := v.(string); ok && key == "$ref" {
			part, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
			if of, _ := components[part].(map[string]any); of[name] == nil {
				t.Errorf("%s leads nowhere", ref)
			}
			used[name] = true
		}
		if key == "type" {
			if s, ok := v.(string); ok && !slices.Contains([]string{"object", "array", "string", "integer", "number",
				"boolean", "null", "http", "apiKey", "about:blank"}, s) { // the last is of problems' examples
				t.Errorf("there is no type %s", s)
			}
		}
	})
	for name := range schemas {
		if !used[name] {
			t.Errorf("nothing uses the shape %s", name)
		}
	}
	ids := map[string]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			checkOperation(t, components, method+" "+path, op.(map[string]any), ids)
		}
	}
	if len(ids) != 60 {
		t.Errorf("the document has %d calls", len(ids))
	}
}

func checkOperation(t *testing.T, components map[string]any, name string, op map[string]any, ids map[string]bool) {
	id, _ := op["operationId"].(string)
	if id == "" || ids[id] || op["summary"] == "" {
		t.Errorf("%s: id %q is empty or taken, or there is no summary", name, id)
	}
	ids[id] = true
	declared := map[string]bool{}
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		p := p.(map[string]any)
		if p["in"] == "path" && p["required"] != true {
			t.Errorf("%s: %v is in the path and not required", name, p["name"])
		}
		declared[p["in"].(string)+" "+p["name"].(string)] = true
	}
	for _, part := range strings.Split(name, "/") {
		if param, ok := strings.CutPrefix(part, "{"); ok && !declared["path "+strings.TrimSuffix(param, "}")] {
			t.Errorf("%s: %s is not declared", name, part)
		}
	}
	responses := op["responses"].(map[string]any)
	if len(responses) < 2 || responses["default"] == nil {
		t.Errorf("%s: answers are %v", name, responses)
	}
	security, _ := op["security"].([]any)
	for _, s := range security {
		for scheme := range s.(map[string]any) {
			if components["securitySchemes"].(map[string]any)[scheme] == nil {
				t.Errorf("%s: there is no scheme %s", name, scheme)
			}
		}
	}
	public := slices.Contains([]string{"create-session", "mail-session", "refresh-session", "sign-up"}, id)
	if (len(security) == 0) != public {
		t.Errorf("%s: security is %v", name, security)
	}
}

func each(v any, do func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			do(k, x)
			each(x, do)
		}
	case []any:
		for _, x := range v {
			each(x, do)
		}
	}
}

// Every call of the document is routed: none is answered as an address that
// doesn't exist.
func TestEveryCallOfTheDocumentAnswers(t *testing.T) {
	r := newRig(t)
	doc := r.Call("GET", "/v1/openapi.json", "", "").JSON(t)
	for path, item := range doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			path := strings.NewReplacer("{id}", "1", "{installation}", "x").Replace(path)
			a := r.Call(strings.ToUpper(method), path, "", "")
			switch method + " " + path {
			case "post /v1/sessions", "post /v1/sessions/email", "post /v1/sessions/refresh",
				"post /v1/invitations/signup":
				r.Problem(a, http.StatusBadRequest, "invalid")
			case "post /v1/shops/exchange":
				r.Problem(a, http.StatusNotFound, "connecting_off")
			default:
				r.Problem(a, http.StatusUnauthorized, "unauthenticated")
			}
		}
	}
}

func TestDocsPageLoadsNothingFromElsewhere(t *testing.T) {
	r := newRig(t)
	a := r.Call("GET", "/docs", "", "")
	for _, want := range []string{"<code>/v1/orders/{id}</code>", "new | seen | handled", "fulfillment_status",
		"Amount or null", "curl -X PATCH", `id="code-changed_meanwhile"`, "Follow changes", "clients/typescript",
		`href="#shape-WholeOrder"`} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the page says nothing of %s", want)
		}
	}
	strictPage(t, a)
}

// TestLinterFindsNothing lets Redocly's linter read the document, by the rules that it recommends to everybody.
func TestLinterFindsNothing(t *testing.T) {
	command, err := realserver.NodeCommand("@redocly/cli/bin/cli.js", "lint", "--extends=recommended", "--format=json",
		golden)
	realserver.Need(t, err)
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	out, _ := cmd.Output() // it fails upon what it reports
	var report struct {
		Totals   *struct{ Errors, Warnings, Ignored int }
		Problems []struct {
			RuleID, Message string
			Location        []struct{ Pointer string }
		}
	}
	if err := json.Unmarshal(out, &report); err != nil || report.Totals == nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s at %v", p.RuleID, p.Message, p.Location)
	}
}

// TestGeneratorsGetAllOfIt holds the document to what makes good clients: each call and tag says what it is for, and no
// body has a field with a default, which generators would ask for.
func TestGeneratorsGetAllOfIt(t *testing.T) {
	doc := newRig(t).Call("GET", "/v1/openapi.json", "", "").JSON(t)
	described, used := map[string]bool{}, map[string]bool{}
	for _, one := range doc["tags"].([]any) {
		one := one.(map[string]any)
		described[one["name"].(string)] = one["description"] != "" && one["x-displayName"] != ""
	}
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			op := op.(map[string]any)
			if op["description"] == nil {
				t.Errorf("%s %s has no description", method, path)
			}
			for _, tag := range op["tags"].([]any) {
				if used[tag.(string)] = true; !described[tag.(string)] {
					t.Errorf("%s %s: nobody says what the tag %s is", method, path, tag)
				}
			}
		}
	}
	if len(used) != len(described) {
		t.Errorf("%d tags are used, and %d described", len(used), len(described))
	}
	for name, schema := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		properties, _ := schema.(map[string]any)["properties"].(map[string]any)
		for field, p := range properties {
			if p.(map[string]any)["default"] != nil {
				t.Errorf("%s.%s has a default", name, field)
			}
		}
	}
}

// TestServerOfTheDocument is where people reach bellhop, if somebody said.
func TestServerOfTheDocument(t *testing.T) {
	for url, want := range map[string]string{"": "/", "https://bellhop.example.com": "https://bellhop.example.com"} {
		r := newRig(t, func(o *site.Options) { o.URL = url })
		servers := r.Call("GET", "/v1/openapi.json", "", "").JSON(t)["servers"].([]any)
		if got := servers[0].(map[string]any)["url"]; len(servers) != 1 || got != want {
			t.Errorf("with %q: %v", url, servers)
		}
	}
}
