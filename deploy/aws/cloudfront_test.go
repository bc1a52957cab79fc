package aws_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bellhop/internal/realserver"
	"bellhop/wire"
)

// theServer is bellhop itself.
var theServer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "bellhop")
	out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "bellhop/cmd/bellhop").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build bellhop: %w: %s", err, out)
	}
	return path, err
})

// AWS's managed origin request policy that passes all of a viewer's headers on, Host too.
const allViewer = "216adef6-5c7f-47e4-b989-5492eafa07d3"

// cloudFront stands in for the template's distribution: it routes by path, adds the viewer's address and the
// origin's own headers, drops X-Forwarded-Proto, gives up on an origin that is silent for too long, and holds
// nothing back (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html).
type cloudFront struct {
	config    map[string]any
	transport *http.Transport

	mu      sync.Mutex
	origins map[string]*url.URL
}

func newCloudFront(t *testing.T, server, accept string) (*cloudFront, *httptest.Server) {
	c := &cloudFront{config: distribution(t), origins: map[string]*url.URL{}}
	vpc := c.origin("server")["VpcOriginConfig"].(map[string]any)
	silence := time.Duration(number(t, "OriginReadTimeout", vpc["OriginReadTimeout"])) * time.Second
	c.transport = &http.Transport{
		IdleConnTimeout: time.Duration(number(t, "OriginKeepaliveTimeout", vpc["OriginKeepaliveTimeout"])) * time.Second,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return impatient{conn, silence}, err
		}}
	t.Cleanup(c.transport.CloseIdleConnections)
	c.use(t, "server", server)
	c.use(t, "accept", accept)
	edge := httptest.NewTLSServer(c)
	t.Cleanup(edge.Close)
	return c, edge
}

// impatient is a connection that is read only while something comes.
type impatient struct {
	net.Conn
	silence time.Duration
}

func (c impatient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// use makes an address the one of an origin.
func (c *cloudFront) use(t *testing.T, origin, address string) {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.origins[origin] = u
}

func (c *cloudFront) origin(id string) map[string]any {
	all := list(c.config["Origins"])
	return all[slices.IndexFunc(all, func(o any) bool { return o.(map[string]any)["Id"] == id })].(map[string]any)
}

// behavior returns the first whose pattern fits.
func (c *cloudFront) behavior(request string) map[string]any {
	for _, b := range list(c.config["CacheBehaviors"]) {
		b := b.(map[string]any)
		if fits, err := path.Match(b["PathPattern"].(string), request); err == nil && fits {
			return b
		}
	}
	return c.config["DefaultCacheBehavior"].(map[string]any)
}

func (c *cloudFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := c.behavior(r.URL.Path)
	methods := list(b["AllowedMethods"])
	if methods[0] == nil {
		methods = []any{"GET", "HEAD"}
	}
	if !slices.Contains(methods, any(r.Method)) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	id := b["TargetOriginId"].(string)
	c.mu.Lock()
	to := c.origins[id]
	c.mu.Unlock()
	(&httputil.ReverseProxy{Transport: c.transport, FlushInterval: -1, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		if b["OriginRequestPolicyId"] == allViewer {
			p.Out.Host = p.In.Host
		}
		p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
		p.SetXForwarded()
		p.Out.Header.Del("X-Forwarded-Proto")
		p.Out.Header.Del("X-Forwarded-Host")
		for _, h := range list(c.origin(id)["OriginCustomHeaders"]) {
			if h != nil {
				p.Out.Header.Set(h.(map[string]any)["HeaderName"].(string), h.(map[string]any)["HeaderValue"].(string))
			}
		}
	}}).ServeHTTP(w, r)
}

// viewer is somebody's browser, or another client, at an address of its own.
type viewer struct {
	t    *testing.T
	edge *httptest.Server
	http *http.Client
}

func newViewer(t *testing.T, edge *httptest.Server, address string) viewer {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := edge.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext
	t.Cleanup(transport.CloseIdleConnections)
	return viewer{t, edge, &http.Client{Transport: transport, Jar: jar}}
}

// do sends a request with headers as NAME: VALUE, and returns the answer with its whole body.
func (v viewer) do(method, path, body string, headers ...string) (*http.Response, string) {
	v.t.Helper()
	res := v.open(method, path, body, headers...)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(text)
}

func (v viewer) open(method, path, body string, headers ...string) *http.Response {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.edge.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	return res
}

func (v viewer) signIn(password, claim string) int {
	v.t.Helper()
	res, _ := v.do("POST", "/v1/sessions", `{"email":"jo@example.com","password":"`+password+`"}`,
		"Content-Type: application/json", "X-Forwarded-For: "+claim)
	return res.StatusCode
}

// serving is a server that was started as the machine's systemd would.
type serving struct {
	url   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// settings returns the environment of the machine's env files, with what is elsewhere here.
func (m serverMachine) settings(queue, endpoint string) []string {
	env := []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true"}
	here := strings.NewReplacer("sslmode=verify-full&", "sslmode=disable&",
		"sslrootcert=/usr/local/share/bellhop/rds.pem&", "",
		"=/var/lib", "="+m.root+"/var/lib", "127.0.0.1:9090", "127.0.0.1:0")
	for _, file := range []string{"etc/bellhop/bellhop.env", "etc/bellhop/serve.env", "etc/bellhop/app.env"} {
		for line := range strings.Lines(m.read(file)) {
			name, value, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(here.Replace(line)), `"`, ""), "=")
			value = strings.Trim(value, "'")
			switch name {
			case "BELLHOP_QUEUE":
				value = queue
			case "AWS_ENDPOINT_URL_SQS":
				value = endpoint
			}
			env = append(env, name+"="+value)
		}
	}
	return env
}

// serve starts the unit's command, and waits until it is ready.
func (m serverMachine) serve(program string, env []string) *serving {
	m.t.Helper()
	command := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/bellhop (.*)$`).
		FindStringSubmatch(m.read("etc/systemd/system/bellhop-serve@8080.service.d/aws.conf"))
	if command == nil {
		m.t.Fatal("the unit starts nothing")
	}
	return startServing(m.t, program, env, strings.Fields(strings.ReplaceAll(command[1], ":%i", "127.0.0.1:0"))...)
}

// startServing runs bellhop serve until the test's end, and returns once it is ready.
func startServing(t *testing.T, program string, env []string, args ...string) *serving {
	t.Helper()
	s := &serving{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	s.cmd.Env, s.cmd.Dir = env, t.TempDir()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stdout, s.cmd.Stderr = in, in
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	ready := make(chan string, 1)
	go func() {
		defer close(s.ended)
		defer out.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(t.Output(), lines.Text())
			var line struct{ Msg, Addr string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
				ready <- line.Addr
			}
		}
	}()
	t.Cleanup(func() { s.end(); <-s.ended; s.cmd.Wait() })
	select {
	case addr := <-ready:
		s.url = "http://" + addr
	case <-s.ended:
		t.Fatal("the server ended before it was ready")
	}
	return s
}

func (s *serving) end() { s.cmd.Process.Signal(syscall.SIGTERM) }

// once runs a command of bellhop as as-bellhop does, and returns what it says.
func (m serverMachine) once(program string, env []string, args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), program, args...)
	cmd.Env, cmd.Dir = env, m.t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("bellhop %v: %v: %s", args, err, out)
	}
	return string(out)
}

// TestOwnersComeThroughCloudFront walks an owner through the template's distribution to a server that the
// template's user data set up: over TLS that ends at the edge, with a stream that stays open, from an address that
// nobody can forge, while one server takes the place of another.
func TestOwnersComeThroughCloudFront(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 to itself")
	}
	pg, err := thePostgres()
	realserver.Need(t, err)
	sqs, err := theSQS()
	realserver.Need(t, err)
	program, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	if err := pg.Exec(t.Context(), "postgres", `CREATE DATABASE bellhop`); err != nil {
		t.Fatal(err)
	}
	// What the function migrate does: the tables, and a login that can't change them.
	at := &wire.Storage{Dir: t.TempDir(), DB: pg.URL("bellhop")}
	if _, err := at.MigrateStore(t.Context(), wire.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := at.GrantLogin(t.Context(), "served", `a:b\c`); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(pg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	m, err := setUp(t, map[string]string{"${Database.Endpoint.Address}": host, "${Database.Endpoint.Port}": port})
	if err != nil {
		t.Fatal(err)
	}
	m.say("of-DatabaseLogin", `{"username":"served","password":"a:b\\c"}`)
	m.fetch()
	env := m.settings((&journey{t: t}).queue(sqs.Endpoint), sqs.Endpoint)
	server := m.serve(program, env)
	accept := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.URL.Path != "/webhooks/shopify" || r.Host == "" {
			http.NotFound(w, r)
		}
	}))
	defer accept.Close()
	front, edge := newCloudFront(t, server.url, accept.URL)

	m.once(program, env, "shop", "add", "a.myshopify.com")
	said := m.once(program, env, "owner", "add", "--shop", "a.myshopify.com", "--email", "jo@example.com",
		"--url", edge.URL)
	link := regexp.MustCompile(regexp.QuoteMeta(edge.URL) + `(/signin\?once=(\S+))`).FindStringSubmatch(said)
	if link == nil {
		t.Fatal(said)
	}

	owner := newViewer(t, edge, "127.9.0.1")
	if res, page := owner.do("GET", link[1], ""); res.StatusCode != 200 || !strings.Contains(page, "<form") {
		t.Fatalf("%d %s", res.StatusCode, page)
	}
	res, page := owner.do("POST", "/signin", url.Values{"once": {link[2]}}.Encode(), "Origin: "+edge.URL,
		"Content-Type: application/x-www-form-urlencoded")
	if res.StatusCode != 200 || !strings.Contains(page, "jo@example.com") {
		t.Fatalf("signed in: %d %s", res.StatusCode, page)
	}
	secure := func(c *http.Cookie) bool { return c.Secure && c.HttpOnly }
	if redirect := res.Request.Response; redirect == nil || !slices.ContainsFunc(redirect.Cookies(), secure) {
		t.Error("the session's cookie goes out without TLS, too")
	}

	for path, want := range map[string]int{"/healthz": 200, "/readyz": 404, "/metrics": 404, "/docs": 200} {
		if res, _ := owner.do("GET", path, ""); res.StatusCode != want {
			t.Errorf("%s: %d; want %d", path, res.StatusCode, want)
		}
	}
	if res, _ := owner.do("POST", "/webhooks/shopify", "{}"); res.StatusCode != 200 {
		t.Errorf("a webhook: %d", res.StatusCode)
	}

	guesser := newViewer(t, edge, "127.9.0.66")
	guesses := 0
	for status := 0; status != http.StatusTooManyRequests; guesses++ {
		if status = guesser.signIn("wrong", fmt.Sprintf("203.0.113.%d", guesses)); guesses > 50 {
			t.Fatal("a made-up address gives a guesser new tries")
		}
	}
	if status := newViewer(t, edge, "127.9.0.67").signIn("wrong", "127.9.0.66"); status != http.StatusUnauthorized {
		t.Errorf("somebody else: %d, after %d guesses of another", status, guesses)
	}

	stream := owner.open("GET", "/live", "")
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	until := func(what, word string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), word) {
				return
			}
		}
		t.Fatalf("the stream ended before %s: %v", what, lines.Err())
	}
	until("it began", "retry:")
	until("its first sign of life", "still here") // after 15 s: an origin has OriginReadTimeout for it

	// As CloudFormation replaces a server: the new one is ready, CloudFront turns to it, the old one ends.
	stop, asked := make(chan struct{}), make(chan int, 1)
	other := newViewer(t, edge, "127.9.0.2")
	go func() {
		n := 0
		defer func() { asked <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if res, page := other.do("GET", "/signin", ""); res.StatusCode != 200 {
				t.Errorf("while servers change: %d %s", res.StatusCode, page)
			}
		}
	}()
	next := m.serve(program, env)
	front.use(t, "server", next.url)
	server.end()
	<-server.ended
	for lines.Scan() { // the old server's streams end; a page opens another
	}
	if res, page := owner.do("GET", "/", ""); res.StatusCode != 200 || !strings.Contains(page, "jo@example.com") {
		t.Errorf("on the new server: %d %s", res.StatusCode, page)
	}
	close(stop)
	if n := <-asked; n < 10 {
		t.Errorf("only %d requests meanwhile", n)
	}
}
