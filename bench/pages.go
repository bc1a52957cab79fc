package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/internal/wait"
)

// The load beside the console's pages.
const (
	openPages  = 200
	pagesOf    = 25  // each owner: a person's streams are bounded
	pagesRate  = 500 // webhooks a second
	pagesGrace = 20 * time.Second
	lookDelay  = 80 * time.Millisecond // as the console's script has it
)

// measurePages sends webhooks to one shop while nobody looks, and then with 200 pages
// open on its list of orders.
func (b *bench) measurePages(ctx context.Context) error {
	return b.withOwner(ctx, func(s *server, _ string) error { return b.watchOrders(ctx, s) })
}

// watchers are the owners whose pages are open.
func watchers() (emails []string) {
	for n := range openPages / pagesOf {
		emails = append(emails, fmt.Sprintf("watcher%d@bench.example", n))
	}
	return emails
}

func (b *bench) watchOrders(ctx context.Context, s *server) error {
	alone, err := b.besidePages(ctx, s, nil)
	if err != nil {
		return err
	}
	pages := &pages{server: s, latency: NewSpread()}
	for _, email := range watchers() {
		token, err := s.signIn(ctx, email, b.password)
		if err != nil {
			return err
		}
		pages.tokens = append(pages.tokens, token)
	}
	end, err := pages.open(ctx, openPages)
	if err != nil {
		return err
	}
	watched, err := b.besidePages(ctx, s, pages)
	if err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	more := (watched - alone) / b.Duration.Seconds() / openPages
	b.add("page_cpu", more*1000)
	b.add("page_looks", float64(pages.looks.Load())/b.Duration.Seconds()/openPages)
	b.ms("page_p99", pages.latency.At(99))
	if n := pages.failed.Load(); n > 0 {
		b.problem("pages: %d of %d looks failed", n, pages.looks.Load())
	}
	return nil
}

// besidePages sends webhooks and returns the seconds of processor that the server
// used meanwhile.
func (b *bench) besidePages(ctx context.Context, s *server, p *pages) (seconds float64, err error) {
	l := Load{Target: s.addr, Requests: b.mainWebhooks().For, Connections: connections, Rate: pagesRate,
		Duration: b.Duration}
	if p != nil {
		p.measured.Store(true)
		defer p.measured.Store(false)
	}
	before, err := usageOf(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	t, err := l.Run(ctx)
	if err != nil {
		return 0, err
	}
	b.expectNone("webhooks beside open pages", t)
	after, err := usageOf(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	_, err = s.drained(ctx)
	return (after.CPU - before.CPU).Seconds(), err
}

// pages are open pages of the console: each follows changes, and loads itself anew
// soon after one, at most once a second.
type pages struct {
	server   *server
	tokens   []string // of the owners, in turn
	measured atomic.Bool
	looks    atomic.Int64
	failed   atomic.Int64

	mu      sync.Mutex
	latency *Spread // of looks
}

// open opens so many and waits until all follow. end closes them.
func (p *pages) open(ctx context.Context, n int) (end func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, MaxConnsPerHost: 2 * n}}
	ready := make(chan struct{}, n)
	for i := range n {
		group.Go(func() error { return p.follow(ctx, client, p.tokens[i%len(p.tokens)], ready) })
	}
	late := time.After(pagesGrace)
	for range n {
		select {
		case <-ready:
		case <-ctx.Done():
			cancel()
			return nil, group.Wait()
		case <-late:
			cancel()
			return nil, fmt.Errorf("%d pages do not open", n)
		}
	}
	return func() error {
		cancel()
		return group.Wait()
	}, nil
}

// follow is one page.
func (p *pages) follow(ctx context.Context, client *http.Client, token string, ready chan<- struct{}) error {
	answer, err := p.get(ctx, client, token, "/live")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	changed := make(chan int, 1) // over how many milliseconds looks are spread
	looking := make(chan struct{})
	go func() {
		defer close(looking)
		p.look(ctx, client, token, changed)
	}()
	lines := bufio.NewScanner(answer.Body)
	for first := true; lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var hint struct{ Spread int }
		if err := json.Unmarshal([]byte(data), &hint); err != nil {
			return fmt.Errorf("read a page's stream: %w", err)
		}
		if first {
			first = false
			ready <- struct{}{}
			continue
		}
		select {
		case changed <- hint.Spread:
		default: // a look is due already
		}
	}
	<-looking
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("a page's stream ended: %w", lines.Err())
}

// look loads the page when something changed, and then not for a second.
func (p *pages) look(ctx context.Context, client *http.Client, token string, changed <-chan int) {
	for {
		spread := 0
		select {
		case spread = <-changed:
		case <-ctx.Done():
			return
		}
		wait.Pause(ctx, lookDelay+time.Duration(rand.Int64N(int64(spread)+1))*time.Millisecond)
		began := time.Now()
		answer, err := p.get(ctx, client, token, "/")
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		if p.measured.Load() && ctx.Err() == nil {
			p.looks.Add(1)
			if err != nil {
				p.failed.Add(1)
			}
			p.mu.Lock()
			p.latency.Add(time.Since(began))
			p.mu.Unlock()
		}
		wait.Pause(ctx, time.Second-time.Since(began))
	}
}

func (p *pages) get(ctx context.Context, client *http.Client, token, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.server.addr+path, nil)
	if err != nil {
		return nil, err
	}
	r.AddCookie(&http.Cookie{Name: "bellhop_session", Value: token})
	r.Header.Set("X-Bellhop-Look", "1")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("GET %s answered %d", path, answer.StatusCode)
	}
	return answer, nil
}
