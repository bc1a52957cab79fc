package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/internal/lambdaruntime"
	"bellhop/internal/realserver"
)

// bootstrap is the program under test, with traps.
var bootstrap string

func TestMain(m *testing.M) {
	os.Exit(withBootstrap(m))
}

func withBootstrap(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bellhop-lambda-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bootstrap = filepath.Join(dir, "bootstrap")
	if err := build(context.Background(), bootstrap); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stopServers()
	return m.Run()
}

func build(ctx context.Context, to string, flags ...string) error {
	args := append([]string{"build", "-tags", "lambda.norpc,nosqlite,noamqp,nomail,grpcnotrace,traps", "-ldflags", "-s -w",
		"-o", to}, flags...)
	if out, err := exec.CommandContext(ctx, "go", append(args, ".")...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the functions: %w\n%s", err, out)
	}
	return nil
}

// The servers that the tests share. Each starts at its first use.
var (
	thePostgres = sync.OnceValues(func() (*realserver.Postgres, error) {
		return realserver.StartPostgres(context.Background())
	})
	theSQS  = sync.OnceValues(func() (*realserver.SQS, error) { return realserver.StartSQS(context.Background()) })
	started sync.Map
)

func postgres(t *testing.T) *realserver.Postgres {
	t.Helper()
	p, err := thePostgres()
	realserver.Need(t, err)
	started.Store("postgres", func() { p.Close() })
	return p
}

func sqsServer(t *testing.T) *realserver.SQS {
	t.Helper()
	s, err := theSQS()
	realserver.Need(t, err)
	started.Store("sqs", s.Stop)
	return s
}

func stopServers() {
	started.Range(func(_, stop any) bool { stop.(func())(); return true })
}

const shopifySecret = "the secret of the app"

// vaultStandIn is a stand-in for Secrets Manager.
type vaultStandIn struct {
	*httptest.Server
	mu      sync.Mutex
	secrets map[string]string
	since   map[string]time.Time
}

func newVault(t *testing.T) *vaultStandIn {
	v := &vaultStandIn{secrets: map[string]string{"shopify": shopifySecret + ", the one before"},
		since: map[string]time.Time{}}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Server.Close)
	return v
}

func (v *vaultStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ SecretId, SecretString string }
	json.NewDecoder(r.Body).Decode(&in)
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutSecretValue") {
		v.put(in.SecretId, in.SecretString)
	}
	text, since := v.get(in.SecretId)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if text == "" {
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"__type":"ResourceNotFoundException"}`))
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"SecretString": text, "CreatedDate": since.Unix()})
}

func (v *vaultStandIn) get(name string) (text string, since time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.secrets[name], v.since[name]
}

func (v *vaultStandIn) put(name, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets[name], v.since[name] = text, time.Now()
}

// age makes a secret older.
func (v *vaultStandIn) age(name string, by time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.since[name] = v.since[name].Add(-by)
}

// logs keeps the functions' output.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// noSecrets fails the test if the log has a secret.
func (l *logs) noSecrets(t *testing.T, secrets ...string) {
	t.Helper()
	said := l.String()
	for _, s := range append(secrets, shopifySecret, "PRIVATE KEY") {
		if strings.Contains(said, s) || strings.Contains(said, url.QueryEscape(s)) ||
			strings.Contains(said, url.PathEscape(s)) {
			t.Errorf("the log holds a secret (%.8s…)", s)
		}
	}
}

// newServer returns a server for functions with a log.
func newServer(t *testing.T) (*lambdaruntime.Server, *logs) {
	t.Helper()
	l := &logs{}
	s, err := lambdaruntime.Start(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			said := l.String()
			t.Logf("the functions said:\n%s", said[max(0, len(said)-4000):])
		}
	})
	return s, l
}

func TestBadSettingsEndTheStartWithOneLine(t *testing.T) {
	const queue = "BELLHOP_QUEUE=sqs://sqs.us-east-1.amazonaws.com/000000000000/orders"
	for name, test := range map[string]struct {
		env  []string
		says string
	}{
		"no function":        {nil, "BELLHOP_FUNCTION"},
		"an unknown one":     {[]string{"BELLHOP_FUNCTION=cook"}, "accept, direct, migrate, notify, record, start, sweep"},
		"a misspelt setting": {[]string{"BELLHOP_FUNCTION=notify", "BELLHOP_DATABASE=x"}, "BELLHOP_DATABASE"},
		"no database":        {[]string{"BELLHOP_FUNCTION=notify"}, "BELLHOP_DB"},
		"SQLite":             {[]string{"BELLHOP_FUNCTION=notify", "BELLHOP_DB=sqlite:"}, "BELLHOP_DB"},
		"no queue":           {[]string{"BELLHOP_FUNCTION=accept", "BELLHOP_SHOPIFY_SECRET_ARN=x"}, "BELLHOP_QUEUE"},
		"no secret":          {[]string{"BELLHOP_FUNCTION=accept", queue}, "BELLHOP_SHOPIFY_SECRET_ARN"},
		"a wrong queue":      {[]string{"BELLHOP_FUNCTION=accept", "BELLHOP_SHOPIFY_SECRET_ARN=x", "BELLHOP_QUEUE=sqs://example.org/1/a"}, "BELLHOP_QUEUE"},
		"no state machine":   {[]string{"BELLHOP_FUNCTION=start", queue}, "BELLHOP_STATE_MACHINE"},
		"a wrong type":       {[]string{"BELLHOP_FUNCTION=start", queue, "BELLHOP_STATE_MACHINE=a", "BELLHOP_STATE_MACHINE_TYPE=fast"}, "BELLHOP_STATE_MACHINE_TYPE"},
		"wrong attempts":     {[]string{"BELLHOP_FUNCTION=notify", "BELLHOP_DB=postgres://h/d", "BELLHOP_MAX_ATTEMPTS=-1"}, "BELLHOP_MAX_ATTEMPTS"},
		"no number":          {[]string{"BELLHOP_FUNCTION=notify", "BELLHOP_DB=postgres://h/d", "BELLHOP_MAX_ATTEMPTS=many"}, "MAX_ATTEMPTS"},
	} {
		s, said := newServer(t)
		r, err := s.Function(name, []string{bootstrap}, test.env...).Invoke(t.Context(), nil)
		if err != nil || r.Err() == nil || !strings.Contains(r.Err().Error(), lambdaruntime.TypeExited) {
			t.Errorf("%s: %s, %v", name, r.Payload, err)
		}
		if lines := strings.TrimSpace(said.String()); !strings.Contains(lines, test.says) || strings.Contains(lines, "\n") {
			t.Errorf("%s: it says %q", name, lines)
		}
	}
}
