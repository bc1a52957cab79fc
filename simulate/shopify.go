package simulate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Shopify's limits for an endpoint.
const (
	ConnectTimeout = time.Second     // to connect
	RequestTimeout = 5 * time.Second // for the whole request
	Retries        = 8               // after the first try
	RetryPeriod    = 4 * time.Hour   // that the retries spread over
)

// RetryDelays returns how long Shopify waits before each retry. It says that
// there are eight over four hours, exponentially, and no more; doubling from
// 56 s fits that. scale shortens all alike.
func RetryDelays(scale float64) [Retries]time.Duration {
	var d [Retries]time.Duration
	first := float64(RetryPeriod) / (1<<Retries - 1) * scale
	for i := range d {
		d[i] = time.Duration(first * float64(int(1)<<i))
	}
	return d
}

// Shopify is the twin of Shopify's webhooks.
type Shopify struct {
	opt    ShopifyOptions
	ledger *Ledger
	client *http.Client
	delays [Retries]time.Duration

	mu   sync.Mutex
	sent []*job        // by Send, not yet planned
	wake chan struct{} // holds a value while there may be some

	flushing sync.Mutex // guards flushed
	flushed  *run       // of Flush
}

// NewShopify returns a twin that has not begun.
func NewShopify(o ShopifyOptions) (*Shopify, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Route == nil {
		if err := o.checkTarget(); err != nil {
			return nil, err
		}
	}
	if o.Transport == nil {
		o.Transport = newTransport(o.Concurrency)
	}
	if o.Ledger == nil {
		o.Ledger = newLedger(o.CountsOnly)
	}
	s := &Shopify{
		opt: o, ledger: o.Ledger, delays: RetryDelays(o.TimeScale), wake: make(chan struct{}, 1),
		client: &http.Client{
			Transport: o.Transport,
			Timeout:   RequestTimeout,
			// To Shopify a redirect is a failure like any other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.flushed = s.newRun()
	return s, nil
}

func (s *Shopify) newRun() *run {
	return &run{Shopify: s, begun: s.opt.Clock(), work: make(chan *job), done: make(chan *job)}
}

// RunShopify runs a twin to its end and returns its ledger.
func RunShopify(ctx context.Context, o ShopifyOptions) (*Ledger, error) {
	s, err := NewShopify(o)
	if err != nil {
		return nil, err
	}
	return s.Ledger(), s.Run(ctx)
}

func newTransport(conns int) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: ConnectTimeout}).DialContext,
		MaxIdleConnsPerHost: conns,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

// Ledger returns the ledger, which can be read at any time.
func (s *Shopify) Ledger() *Ledger { return s.ledger }

// Send plans a delivery beside those that the options ask for. Its first attempt comes after the delay.
// Call it at any time, also before [Shopify.Run].
func (s *Shopify) Send(d *Delivery, after time.Duration) {
	s.mu.Lock()
	s.sent = append(s.sent, &job{d: d, due: s.opt.Clock().Add(after)})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run delivers until each delivery is acknowledged or has failed, or ctx is done. Then it waits for the
// requests under way, which end soon, and returns nil: the ledger lists the pending deliveries.
// With Options.Route it ends with ctx alone, but for Options.Ends. Call it once.
func (s *Shopify) Run(ctx context.Context) error {
	r := s.newRun()
	if o := &s.opt; o.Route == nil || o.Rate > 0 || o.Orders > 0 || o.Duration > 0 {
		r.gen = newGenerator(o)
	}
	s.ledger.start(r.begun)
	var workers sync.WaitGroup
	for range s.opt.Concurrency {
		workers.Go(func() { r.worker(ctx) })
	}
	r.schedule(ctx)
	close(r.work)
	workers.Wait()
	s.client.CloseIdleConnections()
	if s.opt.Progress != nil {
		s.opt.Progress(s.ledger.Summary())
	}
	return nil
}

// run is one run. Its goroutine decides when each delivery is begun or tried
// again; workers do the requests and nothing else.
type run struct {
	*Shopify
	gen      *generator // nil: all deliveries are sent by Send
	begun    time.Time
	fresh    *job          // the next delivery, not yet begun
	slots    int           // deliveries taken from gen
	planned  queueBy[*job] // retries, and what Send planned, by milliseconds since begun
	work     chan *job
	done     chan *job
	inFlight int
}

// job is a delivery on its way.
type job struct {
	d        *Delivery
	due      time.Time
	attempts int
	delayed  bool // it was due while all workers were busy
	result   attempt
}

// schedule hands out jobs when they are due, whether or not earlier ones were
// answered, until there are no more.
func (r *run) schedule(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var progress <-chan time.Time
	if r.opt.Progress != nil {
		tick := time.NewTicker(r.opt.ProgressEvery)
		defer tick.Stop()
		progress = tick.C
	}
	stop := ctx.Done()
	r.draw()
	for {
		r.collect()
		j := r.nextJob(ctx)
		if j == nil && r.inFlight == 0 && (r.opt.Route == nil || r.opt.Ends || ctx.Err() != nil) {
			return
		}
		if j != nil && r.dispatch(j, timer) {
			continue
		}
		select {
		case d := <-r.done:
			r.settle(d)
		case <-r.wake:
		case <-timer.C:
		case <-progress:
			r.opt.Progress(r.ledger.Summary())
		case <-stop:
			stop = nil // now only wait for the workers
		}
	}
}

// dispatch hands a job to a worker if it is due and one is free. Otherwise it
// sets the timer, where that helps.
func (r *run) dispatch(j *job, timer *time.Timer) bool {
	if wait := j.due.Sub(r.opt.Clock()); wait > 0 {
		timer.Reset(wait)
		return false
	}
	if r.inFlight == r.opt.Concurrency {
		j.delayed = true
		return false
	}
	fresh := j == r.fresh
	if fresh {
		r.draw()
	} else {
		r.planned.pop(maxPosition)
	}
	// Without a rate every delivery waits for its turn; only a missed
	// schedule is worth telling.
	if r.begin(j, fresh && j.delayed && r.opt.Rate > 0) {
		r.work <- j // a worker is free, or about to be
	}
	return true
}

// begin counts an attempt, and reports false for a delivery that Options.Route takes instead.
func (r *run) begin(j *job, delayed bool) bool {
	if r.opt.Route != nil && j.d.Target == "" {
		r.opt.Route(j.d)
		return false
	}
	if j.attempts == 0 {
		r.ledger.begin(j.d, r.opt.Clock(), delayed)
	}
	r.inFlight++
	return true
}

// Flush makes all attempts that are due by Options.Clock, one after another, and returns when none is left. A test
// with a clock of its own calls it instead of [Shopify.Run], whenever its clock has moved.
func (s *Shopify) Flush(ctx context.Context) {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	s.ledger.start(s.flushed.begun)
	for r := s.flushed; ; {
		r.collect()
		j := r.nextJob(ctx)
		if j == nil || j.due.After(s.opt.Clock()) {
			return
		}
		r.planned.pop(maxPosition)
		if r.begin(j, false) {
			r.attempt(ctx, j)
			r.settle(j)
		}
	}
}

// collect plans what Send has handed over.
func (r *run) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.sent {
		r.plan(j)
	}
	r.sent = nil
}

func (r *run) plan(j *job) { r.planned.push(int(j.due.Sub(r.begun).Milliseconds()), j) }

// nextJob returns the next due job without removing it: a planned one or the next delivery; nil when
// there is none or the run is ending.
func (r *run) nextJob(ctx context.Context) *job {
	if ctx.Err() != nil {
		return nil
	}
	if j := r.planned.first(); j != nil && (r.fresh == nil || j.due.Before(r.fresh.due)) {
		return j
	}
	return r.fresh
}

// draw takes the next delivery from the generator and plans it.
func (r *run) draw() {
	r.fresh = nil
	if r.gen == nil {
		return
	}
	due := r.begun
	if r.opt.Rate > 0 {
		due = due.Add(time.Duration(float64(r.slots) / r.opt.Rate * float64(time.Second)))
	}
	if r.opt.Duration > 0 &&
		(due.Sub(r.begun) >= r.opt.Duration || r.opt.Rate == 0 && r.opt.Clock().Sub(r.begun) >= r.opt.Duration) {
		return
	}
	if d := r.gen.next(); d != nil {
		r.fresh = &job{d: d, due: due}
		r.slots++
	}
}

// settle plans the retry of a job that failed.
func (r *run) settle(j *job) {
	r.inFlight--
	if r.opt.Tried != nil {
		r.opt.Tried(j.d, j.attempts, j.result.ok)
	}
	if j.result.ok || j.result.last {
		return
	}
	j.due = j.result.at.Add(r.delays[j.attempts-1])
	r.plan(j)
}

func (r *run) worker(ctx context.Context) {
	for j := range r.work {
		r.attempt(ctx, j)
		r.done <- j
	}
}

func (r *run) attempt(ctx context.Context, j *job) {
	j.result = r.try(ctx, j.d)
	j.attempts++
	j.result.last = !j.result.ok && j.attempts > Retries
	r.ledger.tried(j.d, j.result)
}

// try makes one request as Shopify does.
func (r *run) try(ctx context.Context, d *Delivery) attempt {
	begun := r.opt.Clock()
	ended := func(ok bool, answer string) attempt {
		now := r.opt.Clock()
		return attempt{ok: ok, answer: answer, at: now, took: now.Sub(begun)}
	}
	// The endpoint may have taken one that was broken off: wait for its answer.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost,
		cmp.Or(d.Target, r.opt.Target), bytes.NewReader(d.Body))
	if err != nil {
		return ended(false, "no request")
	}
	req.Header = d.Header()
	resp, err := r.client.Do(req)
	if err != nil {
		return ended(false, whyNoAnswer(err))
	}
	defer resp.Body.Close()
	// Reading the answer to its end keeps the connection for the next delivery.
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return ended(false, whyNoAnswer(err))
	}
	return ended(resp.StatusCode/100 == 2, strconv.Itoa(resp.StatusCode))
}

// whyNoAnswer shortens an error to a word or two that can be counted.
func whyNoAnswer(err error) string {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "timeout"
	}
	return "no answer"
}
