package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"bellhop"
	"bellhop/shopify"
)

// TestMain makes this test binary stand in for bellhop, as a child that obeys
// its first argument.
func TestMain(m *testing.M) {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	default:
		os.Exit(m.Run())
	case "listen":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := Bare(ctx, os.Args[2], os.Getenv("BELLHOP_SHOPIFY_SECRET"), nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "fail":
		fmt.Fprintln(os.Stderr, "the disk is on fire")
		os.Exit(1)
	}
}

func testBench(t *testing.T) *bench {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &bench{Options: Options{Binary: self}, dir: t.TempDir(), secret: "hush"}
}

func TestAChildIsReadyAndEndsWhenAsked(t *testing.T) {
	b := testBench(t)
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.start(t.Context(), b.Binary, nil, "listen", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.kill()
	if err := c.listening(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	w, err := NewWebhooks(WebhookOptions{Host: addr, Shops: []string{"one.myshopify.com"}, Secret: b.secret, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	tally := load(t, Load{Target: addr, Requests: w.For, Connections: 2, Count: 100})
	if tally.OK() != 100 || w.Made() != 100 {
		t.Errorf("%d made, statuses %v, failures %v", w.Made(), tally.Statuses, tally.Failures)
	}
	if runtime.GOOS == "linux" {
		testUsage(t, c.cmd.Process.Pid)
	}
	if err := c.alive(); err != nil {
		t.Error(err)
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if err := c.alive(); err == nil {
		t.Error("it is alive after its end")
	}
}

func testUsage(t *testing.T, pid int) {
	t.Helper()
	if _, err := usageOf(pid); err != nil {
		t.Error(err)
	}
	now, most, err := resident(pid)
	if err != nil || now < 1<<20 || most < now {
		t.Errorf("%d bytes in use, %d at most, %v", now, most, err)
	}
}

func TestAChildThatFailsSaysWhy(t *testing.T) {
	b := testBench(t)
	if err := b.run(t.Context(), nil, "fail"); err == nil || !strings.Contains(err.Error(), "the disk is on fire") {
		t.Errorf("got %v", err)
	}
	c, err := b.start(t.Context(), b.Binary, nil, "fail")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ready(t.Context(), "http://127.0.0.1:1/"); err == nil || !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("got %v", err)
	}
}

func TestAChildEndsWithTheRun(t *testing.T) {
	b := testBench(t)
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, err := b.start(ctx, b.Binary, nil, "listen", addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.listening(ctx, addr); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-c.ended
}

func TestTheBareHandlerChecksTheSignature(t *testing.T) {
	h := bareHandler([]byte("hush"), nil)
	for signature, want := range map[string]int{
		shopify.Sign("hush", []byte("body")):  http.StatusOK,
		shopify.Sign("other", []byte("body")): http.StatusUnauthorized,
		"":                                    http.StatusUnauthorized,
		"not base64":                          http.StatusUnauthorized,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body"))
		r.Header.Set(shopify.HeaderHMAC, signature)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, not %d", signature, w.Code, want)
		}
	}
}

func TestARunRefusesWhatMakesNoSense(t *testing.T) {
	for _, o := range []Options{{}, {Binary: "/bin/echo"}, {Binary: "x", Rounds: -1},
		{Binary: "x", Duration: time.Millisecond}} {
		if _, err := Run(t.Context(), *withDefaults(t, o)); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// withDefaults sets what the flags' defaults set.
func withDefaults[T any](t *testing.T, o T) *T {
	t.Helper()
	if err := kong.ApplyDefaults(&o); err != nil {
		t.Fatal(err)
	}
	return &o
}

func TestOnlyWhatIsAskedForIsMeasured(t *testing.T) {
	steps := new(bench).steps()
	for _, c := range []struct {
		only []string
		want int
	}{{nil, len(steps)}, {[]string{"accepting"}, 2}, {[]string{"RabbitMQ", "recording"}, 5}, {[]string{"reading"}, 1}} {
		got, err := chosen(steps, c.only)
		if err != nil || len(got) != c.want {
			t.Errorf("%q chooses %d steps, not %d: %v", c.only, len(got), c.want, err)
		}
	}
	if _, err := chosen(steps, []string{"juggling"}); err == nil {
		t.Error("juggling was accepted")
	}
}
