package bench

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/wait"
)

// Load is a load on one server: closed loop without a Rate, open loop with one.
type Load struct {
	Target string // HOST:PORT, of a loopback address
	// Requests returns the maker of one connection's requests.
	Requests func(conn int) Requests

	Connections int // opened before the first request is due
	// MaxConnections is how many an open loop may have when all are waiting for
	// answers; beyond, requests wait for one, which counts as latency. 0 means
	// Connections.
	MaxConnections int
	// requests a second, due at even intervals; 0: each connection sends as soon as it was answered
	Rate     float64
	Warmup   time.Duration // loaded and not measured
	Duration time.Duration // measured
	Count    int64         // closed loop, instead of a duration: so many requests
	Timeout  time.Duration // for one answer; 0 is 10 s
	// OKOnly leaves the latencies of answers other than 2xx out: a refusal is quick,
	// and no answer.
	OKOnly bool
}

// Requests makes HTTP/1.1 requests. Each value serves one goroutine.
type Requests interface {
	// Append appends a whole request that is due at the given time.
	Append(b []byte, due time.Time) []byte
}

// Answered is a [Requests] that wants to know which ones were answered.
type Answered interface {
	// Answered says that the request that Append made last got a 2xx.
	Answered()
}

// tell tells requests that the last one got this status.
func tell(r Requests, status int, err error) {
	if a, ok := r.(Answered); ok && err == nil && isOK(status) {
		a.Answered()
	}
}

// Same is one request, sent over and over.
type Same []byte

// Append implements [Requests].
func (s Same) Append(b []byte, _ time.Time) []byte { return append(b, s...) }

func (l *Load) check() error {
	host, _, err := net.SplitHostPort(l.Target)
	if err != nil {
		return bellhop.Invalidf("target", "%q is not an address: give HOST:PORT, such as 127.0.0.1:8080", l.Target)
	}
	if !isHere(host) {
		return bellhop.Invalidf("target", "%s is not this machine: only loopback addresses are loaded", l.Target)
	}
	if l.Connections < 1 || l.Rate < 0 || l.Warmup < 0 || l.Requests == nil {
		return bellhop.Invalidf("load", "a load needs at least one connection, requests, and no negative rate or time")
	}
	if l.Duration <= 0 && (l.Count <= 0 || l.Rate > 0) {
		return bellhop.Invalidf("load", "a load needs a duration, or in a closed loop a count")
	}
	if l.Timeout <= 0 {
		l.Timeout = 10 * time.Second
	}
	l.MaxConnections = max(l.MaxConnections, l.Connections)
	return nil
}

// Run loads the target until the time or the count is over and all answers are
// in, or until ctx is done. Requests that fail are counted, not errors; it is
// an error when the target can't be reached at the beginning.
func (l Load) Run(ctx context.Context) (*Tally, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	r := &loading{Load: l, rec: newRecorder()}
	r.rec.okOnly = l.OKOnly
	defer r.stop()
	if err := r.connect(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("connect to %s: %w", l.Target, err)
	}
	defer context.AfterFunc(ctx, r.stop)()
	r.begin = time.Now()
	r.rec.t.Began, r.rec.t.Ended = r.begin, r.begin
	from := r.begin.Add(l.Warmup)
	if l.Count > 0 {
		r.rec.window(from, from.Add(longest))
	} else {
		r.rec.window(from, from.Add(l.Duration))
	}
	if l.Rate > 0 {
		r.open(ctx)
	} else {
		r.closed(ctx)
	}
	t := &r.rec.t
	if l.Count > 0 {
		t.Window = t.Ended.Sub(from)
	}
	return t, context.Cause(ctx)
}

// loading is a load under way.
type loading struct {
	Load
	rec   *recorder
	begin time.Time

	mu      sync.Mutex
	conns   []*conn
	stopped bool
	workers sync.WaitGroup
}

// connect opens the connections that there are from the beginning.
func (r *loading) connect(ctx context.Context) error {
	var group errgroup.Group
	for range r.Connections {
		c := r.add()
		group.Go(func() error { return c.open(ctx) })
	}
	return group.Wait()
}

// add makes one more connection, which is not open yet.
func (r *loading) add() *conn {
	c := newConn(r.Target, r.Timeout)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, c)
	if r.stopped {
		c.stop()
	}
	return c
}

// stop closes all connections, which ends all waits for an answer.
func (r *loading) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	for _, c := range r.conns {
		c.stop()
	}
}

// closed makes each connection send as soon as it has its answer.
func (r *loading) closed(ctx context.Context) {
	var begun atomic.Int64
	more := func(now time.Time) bool {
		if ctx.Err() != nil {
			return false
		}
		if r.Count > 0 {
			return begun.Add(1) <= r.Count
		}
		return now.Before(r.rec.to)
	}
	for i, c := range r.conns {
		r.workers.Go(func() { r.sendAndWait(ctx, c, r.Requests(i), more) })
	}
	r.workers.Wait()
}

func (r *loading) sendAndWait(ctx context.Context, c *conn, requests Requests, more func(time.Time) bool) {
	var buf []byte
	for now := time.Now(); more(now); {
		buf = requests.Append(buf[:0], now)
		sent := time.Now() // making the request is not the server's doing
		status, err := c.roundTrip(ctx, buf, sent)
		tell(requests, status, err)
		now = time.Now()
		r.rec.note(exchange{due: sent, sent: sent, at: now, end: now, status: status, err: err})
		if err != nil {
			wait.Pause(ctx, 10*time.Millisecond) // a server that refuses is not hammered
			now = time.Now()
		}
	}
}
