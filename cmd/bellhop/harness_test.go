package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"bellhop/internal/realserver"
	"bellhop/simulate"
	_ "github.com/ncruces/go-sqlite3/driver"
	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script, far above normal waits.
const patience = 60 * time.Second

// background is a bellhop that a script started.
type background struct {
	cmd    *exec.Cmd
	output *strings.Builder // complete once ended is closed
	ended  chan struct{}
	err    error
}

// backgroundKey is the key of a script's background processes.
type backgroundKey string

// start NAME PATTERN ARGS... runs bellhop in the background and waits until it has
// written a line that matches the pattern. The pattern's group goes into $NAME, the
// output to NAME.log at the end.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME PATTERN ARGS...")
	}
	name, pattern := args[0], regexp.MustCompile(args[1])
	b := &background{cmd: exec.Command("bellhop", args[2:]...), output: &strings.Builder{}, ended: make(chan struct{})}
	b.cmd.Dir = ts.MkAbs(".")
	b.cmd.Env = environ(ts)
	pipe, writer, err := os.Pipe()
	ts.Check(err)
	b.cmd.Stdout, b.cmd.Stderr = writer, writer
	ts.Check(b.cmd.Start())
	writer.Close()
	ready := make(chan string, 1)
	go b.read(pipe, pattern, ready)
	running(ts)[name] = b
	ts.Defer(func() {
		b.cmd.Process.Kill() // fails if it has ended
		<-b.ended
	})
	select {
	case caught := <-ready:
		ts.Setenv(name, caught)
	case <-b.ended:
		ts.Fatalf("%s ended before it was ready: %v\n%s", name, b.err, b.output)
	case <-time.After(patience):
		ts.Fatalf("%s does not get ready", name)
	}
}

func (b *background) read(pipe io.ReadCloser, pattern *regexp.Regexp, ready chan<- string) {
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		fmt.Fprintln(b.output, lines.Text())
		if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case ready <- m[len(m)-1]:
			default: // it was ready before
			}
		}
	}
	pipe.Close()
	b.err = b.cmd.Wait()
	close(b.ended)
}

// environ is the environment of a script's processes.
func environ(ts *testscript.TestScript) (env []string) {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "BELLHOP_") {
			env = append(env, kv)
		}
	}
	for _, name := range []string{"BELLHOP_DIR", "BELLHOP_KEY", "BELLHOP_SHOPIFY_SECRET", "BELLHOP_SHOPIFY_CLIENT_ID",
		"BELLHOP_SHOPIFY_ENDPOINT", "BELLHOP_URL", "BELLHOP_PUSH", "BELLHOP_QUEUE", "BELLHOP_DB",
		"HOME", "TMPDIR",
		"GORACE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func running(ts *testscript.TestScript) map[string]*background {
	return ts.Value(backgroundKey("")).(map[string]*background)
}

// untilEnded NAME waits until a background process ends by itself, and wants exit code 0; ! wants another.
func untilEnded(ts *testscript.TestScript, neg bool, args []string) { ended(ts, neg, args[0]) }

func ended(ts *testscript.TestScript, neg bool, name string) {
	b := running(ts)[name]
	select {
	case <-b.ended:
	case <-time.After(patience):
		ts.Fatalf("%s does not end", name)
	}
	ts.Check(os.WriteFile(ts.MkAbs(name+".log"), []byte(b.output.String()), 0o600))
	if (b.err == nil) == neg {
		ts.Fatalf("%s ended with %v\n%s", name, b.err, b.output)
	}
}

// end NAME [SIGNAL] ends a background process, by default with SIGTERM, and wants exit
// code 0; ! end wants another.
func end(ts *testscript.TestScript, neg bool, args []string) {
	b := running(ts)[args[0]]
	if b == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	signal := syscall.SIGTERM
	if len(args) > 1 {
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM}[args[1]]
	}
	ts.Check(b.cmd.Process.Signal(signal))
	ended(ts, neg, args[0])
}

// order FILE ID NAME [FIELD=VALUE...] writes an order placed now.
func writeOrder(ts *testscript.TestScript, _ bool, args []string) {
	now := time.Now().UTC().Format(time.RFC3339)
	fields := map[string]string{"currency": "USD", "total": "403.00", "first": "Jo", "last": "Lee"}
	for _, kv := range args[3:] {
		k, v, _ := strings.Cut(kv, "=")
		fields[k] = v
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), fmt.Appendf(nil, `{`+simulate.Blank+
		`"id":%s,"name":"%s","order_number":1001,"currency":"%s",`+
		`"total_price":"%s","email":"jo@example.com","customer":{"first_name":"%s","last_name":"%s"},`+
		`"financial_status":"paid",`+
		`"created_at":"%s","updated_at":"%s","source_url":"https:\/\/example.com\/","line_items":[`+
		`{"id":1,"title":"Tee","variant_title":"M","sku":"TEE-M","quantity":2,"price":"19.90"}]}`,
		args[1], args[2], fields["currency"], fields["total"], fields["first"], fields["last"], now, now), 0o600))
}

// deliverWebhook is webhook STATUS URL FILE [secret=S] [shop=D] [topic=T] [id=ID] [version=V] signs a body,
// delivers it as Shopify does, and wants the status. Short bodies are those of an old version.
func deliverWebhook(ts *testscript.TestScript, _ bool, args []string) {
	o := map[string]string{"secret": "hush", "shop": "demo.myshopify.com", "topic": "orders/create", "id": "w-" + args[2],
		"version": "2025-10"}
	for _, kv := range args[3:] {
		k, v, _ := strings.Cut(kv, "=")
		o[k] = v
	}
	body := []byte(ts.ReadFile(args[2]))
	mac := hmac.New(sha256.New, []byte(o["secret"]))
	mac.Write(body)
	r, err := http.NewRequest("POST", args[1]+"/webhooks/shopify", bytes.NewReader(body))
	ts.Check(err)
	for k, v := range map[string]string{"Content-Type": "application/json", "X-Shopify-Topic": o["topic"],
		"X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "X-Shopify-Shop-Domain": o["shop"],
		"X-Shopify-API-Version": o["version"], "X-Shopify-Webhook-Id": o["id"], "X-Shopify-Event-Id": "e-" + o["id"],
		"X-Shopify-Triggered-At": time.Now().UTC().Format(time.RFC3339Nano)} {
		r.Header.Set(k, v)
	}
	do(ts, r, args[0])
}

// http STATUS METHOD URL [token=T] [hmac=H] [body=JSON] makes a request, wants the
// status, and leaves the answer's body as stdout.
func call(ts *testscript.TestScript, _ bool, args []string) {
	o := map[string]string{}
	for _, kv := range args[3:] {
		k, v, _ := strings.Cut(kv, "=")
		o[k] = v
	}
	r, err := http.NewRequest(args[1], args[2], strings.NewReader(o["body"]))
	ts.Check(err)
	if o["body"] != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if o["hmac"] != "" {
		r.Header.Set("X-Shopify-Hmac-Sha256", o["hmac"])
	}
	if o["token"] != "" {
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(o["token"]))
	}
	do(ts, r, args[0])
}

func do(ts *testscript.TestScript, r *http.Request, status string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := c.Do(r.WithContext(ctx))
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	_, _ = ts.Stdout().Write(body)
	if strconv.Itoa(answer.StatusCode) != status {
		ts.Fatalf("%s %s answered %d, not %s: %s", r.Method, r.URL, answer.StatusCode, status, body)
	}
}

// json PATH VALUE wants a value in the last stdout, such as
// json orders.0.name '#1001'. A list's length is at PATH.#.
func assertJSON(ts *testscript.TestScript, neg bool, args []string) {
	if got := lookUp(ts, args[0]); (got == args[1]) == neg {
		ts.Fatalf("%s is %q", args[0], got)
	}
}

// json-env NAME PATH sets $NAME to a value in the last stdout.
func jsonEnv(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], lookUp(ts, args[1]))
}

func lookUp(ts *testscript.TestScript, path string) string {
	var at any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	ts.Check(d.Decode(&at))
	for _, step := range strings.Split(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			if step == "#" {
				at = len(v)
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				ts.Fatalf("there is no %s in a list of %d", step, len(v))
			}
			at = v[i]
		default:
			ts.Fatalf("there is no %q in %v", step, at)
		}
	}
	return fmt.Sprint(at)
}

// drained waits until the queue has no work left.
func drained(ts *testscript.TestScript, _ bool, _ []string) {
	until(ts, false, []string{`"waiting":0,"leased":0`, "bellhop", "queue", "depth", "--json"})
}

// until PATTERN COMMAND... runs a command again and again until its output matches, for
// another process's work, which has no signal.
func until(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, args[0], func() string {
		c := exec.Command(args[1], args[2:]...)
		c.Dir, c.Env = ts.MkAbs("."), environ(ts)
		out, _ := c.CombinedOutput() // only the output counts
		return string(out)
	})
}

// until-http PATTERN URL [TOKEN] does the same with a page.
func untilHTTP(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, args[0], func() string {
		r, err := http.NewRequest("GET", args[1], nil)
		ts.Check(err)
		if len(args) > 2 {
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(args[2]))
		}
		answer, err := http.DefaultClient.Do(r)
		ts.Check(err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		ts.Check(err)
		return string(body)
	})
}

func poll(ts *testscript.TestScript, pattern string, look func() string) {
	last, wanted := "", regexp.MustCompile(pattern)
	pause := 20 * time.Millisecond
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(pause) {
		if last = look(); wanted.MatchString(last) {
			_, _ = io.WriteString(ts.Stdout(), last)
			return
		}
		pause = min(2*pause, 320*time.Millisecond) // each look starts a process
	}
	ts.Fatalf("%s never comes; last: %s", pattern, last)
}

// exit-code CODE COMMAND... wants a command to end with a code.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	c := exec.Command(args[1], args[2:]...)
	c.Dir, c.Env = ts.MkAbs("."), environ(ts)
	out, _ := c.CombinedOutput() // the code says the same
	if got := c.ProcessState.ExitCode(); strconv.Itoa(got) != args[0] {
		ts.Fatalf("the exit code is %d\n%s", got, out)
	}
}

// env-from NAME FILE sets $NAME to a file's contents.
func envFrom(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// sql FILE|URL STATEMENT changes a database behind bellhop's back.
func runSQL(ts *testscript.TestScript, _ bool, args []string) {
	driver, at := "sqlite3", "file:"+ts.MkAbs(args[0])
	if strings.HasPrefix(args[0], "postgres:") {
		driver, at = "pgx", args[0]
	}
	db, err := sql.Open(driver, at)
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// occupy NAME listens on a port until the script ends; $NAME is the address.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// mailserver NAME sets $NAME to the address of a mail server, which takes the login jo with the password hush.
func mailserver(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	s := simulate.NewSMTP(simulate.SMTPOptions{User: "jo", Password: "hush"})
	s.Serve(l)
	ts.Defer(s.Close)
	ts.Setenv(args[0], l.Addr().String())
}

// free NAME sets $NAME to an address that nothing listens on.
func free(ts *testscript.TestScript, _ bool, args []string) {
	port, err := realserver.FreePort()
	ts.Check(err)
	ts.Setenv(args[0], fmt.Sprint("127.0.0.1:", port))
}

// mode FILE 600 wants a file's permissions.
func assertMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("the mode of %s is %s", args[0], got)
	}
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
