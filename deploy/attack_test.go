package deploy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/bench"
	"bellhop/internal/realserver"
	"bellhop/web/webhook"
)

// bareKey makes this test program the bare handler to compare bellhop with; it holds an address.
const bareKey = "DEPLOY_TEST_BARE"

func asBare() {
	if addr := os.Getenv(bareKey); addr != "" {
		fmt.Fprintln(os.Stderr, bench.Bare(context.Background(), addr, appSecret, nil))
		os.Exit(1)
	}
}

// target is a server in a process of its own.
type target struct {
	cmd       *exec.Cmd
	addr, url string
}

func startTarget(t *testing.T, cmd *exec.Cmd, addr string) *target {
	t.Helper()
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &target{cmd: cmd, addr: addr, url: "http://" + addr}
	t.Cleanup(s.end)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		a, err := http.Get(s.url + "/readyz")
		if err == nil {
			a.Body.Close()
			return s
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func (s *target) end() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

// peak is the most memory that the process has held, in MiB.
func (s *target) peak(t *testing.T) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kb); n == 1 {
			return kb >> 10
		}
	}
	t.Fatal("the kernel doesn't say how much memory a process held")
	return 0
}

// cpu is how long the process has computed.
func (s *target) cpu(t *testing.T) time.Duration {
	t.Helper()
	stat := string(file(t, fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid)))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')'):])
	user, err := strconv.Atoi(fields[12])
	system, err2 := strconv.Atoi(fields[13])
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func startBellhop(t *testing.T, env ...string) *target {
	t.Helper()
	program, err := theProgram()
	if err != nil {
		t.Fatal(err)
	}
	addr := realserver.FreeAddress(t)
	env = append([]string{"PATH=" + os.Getenv("PATH"), "BELLHOP_DIR=" + t.TempDir(), "BELLHOP_ADDR=" + addr,
		"BELLHOP_SHOPIFY_SECRET=" + appSecret}, env...)
	cmd := exec.Command(program, "serve")
	cmd.Env = append(env, strings.Fields(os.Getenv("ATTACK"))...) // such as GOGC=100
	s := startTarget(t, cmd, addr)
	add := exec.Command(program, "shop", "add", "shop-0.myshopify.com")
	add.Env = env
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

func startBare(t *testing.T) *target {
	t.Helper()
	addr := realserver.FreeAddress(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bareKey+"="+addr)
	return startTarget(t, cmd, addr)
}

const attackTime = 15 * time.Second

// measure sends honest webhooks while an attack goes on.
func measure(t *testing.T, s *target, a attack, source string) *honest {
	t.Helper()
	began, cpu := time.Now(), s.cpu(t)
	a.Target = s.addr
	stop := a.start(t)
	time.Sleep(3 * time.Second)
	h := newHonest(s.url, source, string(file(t, "../shopify/testdata/orders_create.usd.json")), 10*time.Millisecond)
	h.run(attackTime)
	opened := stop()
	t.Logf("%-34s p50 %8v p99 %8v max %8v of %d; wrong %v; %d opened; %2.0f %% of a core; peak %d MiB", a.Name,
		h.percentile(.5).Round(100*time.Microsecond), h.percentile(.99).Round(100*time.Microsecond),
		h.percentile(1).Round(100*time.Microsecond), len(h.took), h.wrong, opened,
		100*(s.cpu(t)-cpu).Seconds()/time.Since(began).Seconds(), s.peak(t))
	return h
}

func slowBody(path string, length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nX-Shopify-Topic: orders/create\r\nContent-Length: %d\r\n\r\n",
		path, length)
}

// TestAttacks attacks bellhop for a while, and a bare handler in the same way, and compares: make attack.
func TestAttacks(t *testing.T) {
	if os.Getenv("ATTACK") == "" {
		t.Skip("long: make attack")
	}
	silent := slowBody(webhook.Path, 2000)
	many := strings.Repeat("GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 100)
	for _, a := range []attack{
		{Name: "nothing", Sockets: 0, Sources: 1},
		{Name: "1100 silent, 1 address", Sockets: 1100, Sources: 1, Header: silent},
		{Name: "1100 silent, 200 addresses", Sockets: 1100, Sources: 200, Header: silent},
		{Name: "5000 silent, 1 address", Sockets: 5000, Sources: 1, Header: silent},
		{Name: "5000 silent, 200 addresses", Sockets: 5000, Sources: 200, Header: silent},
		{Name: "12000 silent, 1 address", Sockets: 12000, Sources: 1, Header: silent},
		{Name: "5000 without a header", Sockets: 5000, Sources: 200},
		{Name: "1000 declare 2 MiB", Sockets: 1000, Sources: 200, Header: slowBody(webhook.Path, 2<<20)},
		{Name: "1000 stall after 1.9 MB", Sockets: 1000, Sources: 200, Header: slowBody(webhook.Path, 2<<20),
			Body: 1_900_000},
		{Name: "5000 silent to the API", Sockets: 5000, Sources: 200, Header: slowBody("/v1/sessions", 2000)},
		{Name: "200 ask for metrics", Sockets: 200, Sources: 1, Header: "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
			Again: true},
		{Name: "300 pipeline metrics, unread", Sockets: 300, Sources: 1,
			Header: strings.ReplaceAll(many, "/v1/openapi.json", "/metrics"), Deaf: true, Again: true},
		{Name: "300 pipeline, unread", Sockets: 300, Sources: 1, Header: many, Deaf: true, Again: true},
	} {
		t.Run(strings.ReplaceAll(a.Name, " ", "_"), func(t *testing.T) {
			limit := 3 * measure(t, startBare(t), a, "127.0.0.9").percentile(.99)
			for _, source := range []string{"127.0.0.9", "127.77.0.1"} {
				s := startBellhop(t)
				h := measure(t, s, a, source)
				if len(h.wrong) > 0 {
					t.Errorf("%v", h.wrong)
				}
				// With more than the 8,192 connections that find a place, bellhop
				// still answers each honest webhook, but later.
				p99, peak := h.percentile(.99), s.peak(t)
				if a.Sockets < 8192 && p99 > max(limit, 100*time.Millisecond) {
					t.Errorf("p99 %v, three times the bare handler's is %v", p99, limit)
				}
				if a.Sockets < 8192 && peak >= 256 {
					t.Errorf("it held %d MiB", peak)
				}
				s.end()
			}
		})
	}
}
