package bench

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// open sends requests when they are due, whether or not the server answered earlier
// ones. A request that finds no free connection waits in arrivals, and its latency
// counts from when it was due: a server that stalls holds up all that came meanwhile,
// not just the requests under way.
func (r *loading) open(ctx context.Context) {
	total := int64((r.Warmup + r.Duration).Seconds() * r.Rate)
	arrivals := make(chan time.Time, total)
	var idle atomic.Int64
	start := func(i int, c *conn) {
		requests := r.Requests(i)
		r.workers.Go(func() { r.sendWhenDue(ctx, c, requests, arrivals, &idle) })
	}
	for i, c := range r.conns {
		start(i, c)
	}
	n := len(r.conns)
	r.dispatch(ctx, total, func(due time.Time) {
		arrivals <- due
		if n < r.MaxConnections && int64(len(arrivals)) > idle.Load() {
			start(n, r.add())
			n++
		}
	})
	close(arrivals)
	r.workers.Wait()
}

// dispatch calls arrive for each request when it is due.
func (r *loading) dispatch(ctx context.Context, total int64, arrive func(due time.Time)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread ends with the goroutine: its timers are finer than others'.
		runtime.LockOSThread()
		defer oneMoreProc()()
		sleeper := newSleeper()
		for k := range total {
			due := r.begin.Add(time.Duration(float64(k) / r.Rate * float64(time.Second)))
			sleeper.until(due)
			if ctx.Err() != nil {
				return
			}
			arrive(due)
		}
	}()
	<-done
}

var procs sync.Mutex

// oneMoreProc lets one more goroutine run until undo. A sleeping thread keeps its
// processor up to 10 ms; on two cores two loads left none for the readers, and their
// answers seemed late.
func oneMoreProc() (undo func()) {
	add := func(n int) {
		procs.Lock()
		defer procs.Unlock()
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
	}
	add(1)
	return func() { add(-1) }
}

func (r *loading) sendWhenDue(ctx context.Context, c *conn, requests Requests, arrivals <-chan time.Time,
	idle *atomic.Int64) {
	var buf []byte
	for {
		idle.Add(1)
		due, ok := <-arrivals
		idle.Add(-1)
		if !ok {
			return
		}
		x := exchange{due: due, at: due}
		if x.err = r.overdue(ctx); x.err == nil {
			buf = requests.Append(buf[:0], due)
			x.sent = time.Now()
			x.status, x.err = c.roundTrip(ctx, buf, x.sent)
			tell(requests, x.status, x.err)
		}
		x.end = time.Now()
		r.rec.note(x)
	}
}

// overdue fails a request that still waits when an answer's time has passed after
// the end of the run.
func (r *loading) overdue(ctx context.Context) error {
	if ctx.Err() != nil || time.Since(r.rec.to) > r.Timeout {
		return &failure{failUnsent, errors.New("it waited for a connection until the run was over")}
	}
	return nil
}
