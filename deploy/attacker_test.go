package deploy_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop/shopify"
	"bellhop/web/webhook"
)

// attackKey holds an attack and makes this test program run it, in a process of its own: its
// cost slows no honest sender.
const attackKey = "DEPLOY_TEST_ATTACK"

// attack is what hostile connections do, each as soon as the last one was closed
// and never more than once a second.
type attack struct {
	Name    string
	Target  string
	Sockets int
	Sources int    // addresses that they come from
	Header  string // what each sends
	Body    int    // and then so many bytes, and nothing more
	Deaf    bool   // it reads no answer
	Again   bool   // it asks again once it is answered
}

// asAttacker attacks until standard input ends, and prints how often it connected.
func asAttacker() {
	var a attack
	if spec := os.Getenv(attackKey); spec == "" {
		return
	} else if err := json.Unmarshal([]byte(spec), &a); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { defer cancel(); io.Copy(io.Discard, os.Stdin) }()
	fmt.Println(a.run(ctx))
	os.Exit(0)
}

// start attacks from another process. stop returns how often it connected.
func (a attack) start(t *testing.T) (stop func() int) {
	t.Helper()
	spec, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), attackKey+"="+string(spec))
	cmd.SysProcAttr = dieWithParent()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() (opened int) {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		fmt.Sscan(out.String(), &opened)
		return opened
	}
}

// run attacks until ctx is done and returns how often it connected.
func (a *attack) run(ctx context.Context) int64 {
	var sockets sync.WaitGroup
	var opened atomic.Int64
	for i := range a.Sockets {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 77, byte(i%a.Sources/100), byte(1+i%a.Sources%100))}}
		sockets.Go(func() {
			for ctx.Err() == nil {
				again := time.After(time.Second)
				if c, err := d.DialContext(ctx, "tcp", a.Target); err == nil {
					opened.Add(1)
					a.hold(ctx, c)
				}
				select {
				case <-again:
				case <-ctx.Done():
				}
			}
		})
	}
	sockets.Wait()
	return opened.Load()
}

// hold keeps a connection until the other side closes it.
func (a *attack) hold(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if a.Deaf {
		c.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	answers := bufio.NewReader(c)
	for more := true; more; more = a.Again {
		if _, err := io.WriteString(c, a.Header); err != nil {
			return
		}
		if _, err := io.CopyN(c, zeros{}, int64(a.Body)); err != nil {
			return
		}
		if a.Deaf {
			continue
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return
		}
	}
	io.Copy(io.Discard, c)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// honest sends signed webhooks at a steady rate, as Shopify does.
type honest struct {
	client *http.Client
	url    string
	body   string
	every  time.Duration

	mu    sync.Mutex
	took  []time.Duration
	wrong map[string]int
}

func newHonest(url, source, body string, every time.Duration) *honest {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	return &honest{
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: d.DialContext,
			MaxIdleConnsPerHost: 100}},
		url: url + webhook.Path, body: body, every: every,
		wrong: map[string]int{},
	}
}

// run sends for so long. Each webhook is due at its time, however long others take.
func (h *honest) run(d time.Duration) {
	var sent sync.WaitGroup
	defer sent.Wait()
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); {
		due := <-tick.C
		sent.Go(func() { h.send(due) })
	}
}

func (h *honest) send(due time.Time) {
	r, _ := http.NewRequest(http.MethodPost, h.url, strings.NewReader(h.body))
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(h.body))
	r.Header.Set(shopify.HeaderHMAC, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for name, value := range map[string]string{"Topic": "orders/create", "Shop-Domain": "shop-0.myshopify.com",
		"Api-Version": "2026-10",
		"Webhook-Id":  fmt.Sprint(due.UnixNano()), "Event-Id": fmt.Sprint(due.UnixNano())} {
		r.Header.Set("X-Shopify-"+name, value)
	}
	answer, err := h.client.Do(r)
	what := ""
	if err != nil {
		what = err.Error()
		if i := strings.LastIndex(what, ": "); i >= 0 {
			what = what[i:]
		}
	} else {
		io.Copy(io.Discard, answer.Body)
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			what = answer.Status
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.took = append(h.took, time.Since(due))
	if what != "" {
		h.wrong[what]++
	}
}

// percentile of how long they took.
func (h *honest) percentile(p float64) time.Duration {
	slices.Sort(h.took)
	return h.took[min(len(h.took)-1, int(p*float64(len(h.took))))]
}
