package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bellhop/internal/realserver"
	"bellhop/simulate"
)

const clientSource = "../../clients/typescript"

// TestClient builds the client in TypeScript as it is shipped and runs its own tests. Then it runs the page on the
// owner's app on each database.
func TestClient(t *testing.T) {
	c := newClient(t)
	c.write("app.ts", c.program("../../docs/app.md", 20))
	c.write("readme.ts", c.program(clientSource+"/README.md", 0))
	c.node(nil, c.tsc, "--project", filepath.Join(c.dir, "tsconfig.json"))
	c.node(nil, "client.test.ts")
	twin := simulate.NewFCM(simulate.FCMOptions{})
	fcm := httptest.NewServer(twin)
	t.Cleanup(fcm.Close)
	account := filepath.Join(t.TempDir(), "sa.json")
	if err := twin.WriteServiceAccount(account, fcm.URL); err != nil {
		t.Fatal(err)
	}
	push := "fcm:" + account + "?endpoint=" + fcm.URL
	run := func(t *testing.T, storage ...string) {
		url := serveForApp(t, append(storage, "--dir", t.TempDir(), "--key", strings.Repeat("0123456789abcdef", 4)), push)
		c.with(t).node([]string{"BELLHOP_URL=" + url, "FCM_TWIN=" + fcm.URL,
			"BLANK_ORDER=" + simulate.Blank}, "app.ts")
	}
	t.Run("sqlite", func(t *testing.T) { run(t, "--db", "sqlite:", "--queue", "sqlite:") })
	t.Run("postgres", func(t *testing.T) { run(t, "--db", newPostgres(t), "--queue", "postgres:") })
}

// serveForApp runs a bellhop with a shop and its owner.
func serveForApp(t *testing.T, storage []string, push string) (url string) {
	addr := realserver.FreeAddress(t)
	startServe(t, addr, append(storage, "--push", push, "--shopify-secret", "hush")...)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("correct horse battery"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"shop", "add", "demo.myshopify.com"},
		{"owner", "add", "--shop", "demo.myshopify.com", "--email", "jo@example.com", "--password-file", password},
	} {
		if code, stdout, stderr := runHere(append(args, storage...)...); code != exitDone {
			t.Fatalf("%v: %s%s", args, stdout, stderr)
		}
	}
	return "http://" + addr
}

// A client is the folder of an app that has the client installed.
type client struct {
	*testing.T
	dir, tsc string
	command  []string
}

func newClient(t *testing.T) *client {
	command, err := realserver.NodeCommand("")
	realserver.Need(t, err)
	source, err := filepath.Abs(clientSource)
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(source, "node_modules")
	if _, err := os.Stat(filepath.Join(modules, ".installed")); err != nil {
		realserver.Need(t, fmt.Errorf("what the client in TypeScript is built with: %w", realserver.ErrMissing))
	}
	c := &client{T: t, dir: t.TempDir(), tsc: filepath.Join(modules, "typescript/bin/tsc"), command: command[:1]}
	c.must(os.MkdirAll(filepath.Join(c.dir, "node_modules/bellhop-client"), 0o755))
	its, err := filepath.Glob(filepath.Join(modules, "*"))
	c.must(err)
	for _, one := range its {
		c.must(os.Symlink(one, filepath.Join(c.dir, "node_modules", filepath.Base(one))))
	}
	for from, to := range map[string]string{"package.json": "node_modules/bellhop-client/package.json",
		"test/phone.ts": "phone.ts", "test/client.test.ts": "client.test.ts"} {
		text, err := os.ReadFile(filepath.Join(source, from))
		c.must(err)
		c.write(to, string(text))
	}
	c.write("package.json", `{"type":"module"}`)
	c.write("tsconfig.json", `{"extends":`+strconv.Quote(filepath.Join(source, "test/tsconfig.json"))+
		`,"compilerOptions":{"rootDir":"."},"include":["*.ts"]}`)
	c.node(nil, c.tsc, "--project", source, "--outDir", filepath.Join(c.dir, "node_modules/bellhop-client/dist"))
	return c
}

func (c *client) with(t *testing.T) *client {
	its := *c
	its.T = t
	return &its
}

func (c *client) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *client) write(name, text string) {
	c.Helper()
	c.must(os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600))
}

// node runs a program in the app's folder.
func (c *client) node(env []string, args ...string) {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), c.command[0], args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("node %v: %v\n%s", args, err, out)
	}
}

// appPart is a snippet of TypeScript, what a reader does not see but the page needs to go on, or what has to hold then.
var appPart = regexp.MustCompile("(?ms)^```ts\n(.*?)^```$|^<!-- (run|check): (.*?) -->$")

// program is what a page does, with so many checks or more.
func (c *client) program(page string, least int) string {
	c.Helper()
	text, err := os.ReadFile(page)
	c.must(err)
	var app strings.Builder
	checks := 0
	for _, part := range appPart.FindAllStringSubmatch(string(text), -1) {
		switch snippet, kind, text := part[1], part[2], part[3]; kind {
		case "check":
			checks++
			fmt.Fprintf(&app, "check(%q, %s);\n", text, text)
		case "run":
			app.WriteString(text + "\n")
		default:
			app.WriteString(snippet)
		}
	}
	if app.Len() == 0 || checks < least {
		c.Fatalf("%s has %d checks", page, checks)
	}
	return strings.ReplaceAll(app.String(), `"https://bellhop.example.com"`, `process.env["BELLHOP_URL"] ?? ""`)
}
