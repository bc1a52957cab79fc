package console

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

const (
	statsEvery = 5 * time.Second
	// While no operator watches it measures less often: some queues charge for each request.
	statsIdle    = 30 * time.Second
	statsWatched = 2 * time.Minute // after an operator asked
	statsKept    = time.Hour
	statsLimit   = 3 * time.Second // for one sample
	statsReads   = 2000            // changes read for one sample
	statsTries   = 10              // orders looked up for one sample, of each sort
)

// stats measures every few seconds how much comes in, waits and goes out, whichever process does
// the work. It keeps an hour of samples.
type stats struct {
	store Store
	queue Queue
	now   func() time.Time

	once sync.Once
	stop chan struct{}
	done chan struct{}
	away *pipeline.Trouble

	seen totals // at the last sample; zero before
	pos  int64  // of the stream

	mu      sync.Mutex
	samples []sample  // oldest first
	asked   time.Time // when an operator last did
}

// totals are counts that only grow.
type totals struct {
	at       time.Time
	in, out  int64
	pushes   map[bellhop.PushStatus]int64
	complete bool
}

// sample is the result of one measurement.
type sample struct {
	At       time.Time
	In, Out  float64                        // events a second since the sample before
	Pushed   map[bellhop.PushStatus]float64 // pushes a second; nil where no rate is known, as in the first sample
	Waiting  int
	Leased   int
	Dead     int
	Oldest   time.Duration
	Owed     int64           // pushes
	Recorded []time.Duration // from accepting an order until it was recorded, of some
	Notified []time.Duration // and until its push was sent
	Shops    map[string]int  // new orders
}

func newStats(s Store, q Queue, now func() time.Time, l *slog.Logger) *stats {
	return &stats{store: s, queue: q, now: now, stop: make(chan struct{}), done: make(chan struct{}),
		away: pipeline.NewTrouble(l, slog.LevelWarn, "the operators' charts have a gap", "the operators' charts go on")}
}

func (s *stats) close() {
	s.once.Do(func() { close(s.stop) })
	<-s.done
}

// run measures until close. Without a queue there is nothing to measure.
func (s *stats) run() {
	defer close(s.done)
	if s.queue == nil {
		return
	}
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	for {
		if s.due() {
			s.addSample()
		}
		select {
		case <-tick.C:
		case <-s.stop:
			return
		}
	}
}

// due reports whether it is time for a sample.
func (s *stats) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	return len(s.samples) == 0 || now.Sub(s.asked) < statsWatched ||
		now.Sub(s.samples[len(s.samples)-1].At) >= statsIdle-statsEvery/2
}

// addSample adds a sample, or leaves a gap if a part is away.
func (s *stats) addSample() {
	ctx, cancel := context.WithTimeout(context.Background(), statsLimit)
	defer cancel()
	b, err := s.measure(ctx)
	s.away.Note(err)
	if err != nil {
		s.seen.complete = false
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = slices.DeleteFunc(append(s.samples, b), func(old sample) bool { return b.At.Sub(old.At) > statsKept })
}

func (s *stats) measure(ctx context.Context) (b sample, err error) {
	depth, err := s.queue.Depth(ctx)
	if err != nil {
		return b, err
	}
	outcomes, err := s.store.Totals(ctx)
	if err != nil {
		return b, err
	}
	now := totals{at: s.now(), complete: true}
	for _, n := range outcomes {
		now.out += n
	}
	now.in = now.out + int64(depth.Waiting+depth.Leased)
	if now.pushes, err = s.store.PushCounts(ctx); err != nil {
		return b, err
	}
	b = sample{At: now.at, Waiting: depth.Waiting, Leased: depth.Leased, Dead: depth.Dead, Oldest: depth.Oldest,
		Owed: now.pushes[bellhop.PushPending] + now.pushes[bellhop.PushSending], Shops: map[string]int{}}
	b.rates(s.seen, now)
	if err := s.follow(ctx, &b); err != nil {
		return b, err
	}
	s.seen = now
	return b, nil
}

// rates computes how fast the totals grew since the last sample.
func (b *sample) rates(before, now totals) {
	seconds := now.at.Sub(before.at).Seconds()
	if !before.complete || seconds <= 0 {
		return
	}
	rate := func(was, is int64) float64 { return max(0, float64(is-was)/seconds) }
	b.In, b.Out = rate(before.in, now.in), rate(before.out, now.out)
	b.Pushed = map[bellhop.PushStatus]float64{}
	for _, s := range []bellhop.PushStatus{
		bellhop.PushSent, bellhop.PushFailed, bellhop.PushSkipped, bellhop.PushUnknown,
	} {
		b.Pushed[s] = rate(before.pushes[s], now.pushes[s])
	}
}

// follow reads the changes since the last sample, up to a limit. It counts each shop's new orders,
// and looks some of them up.
func (s *stats) follow(ctx context.Context, b *sample) error {
	last, err := s.store.LastChange(ctx)
	if err != nil {
		return err
	}
	if s.pos == 0 || last < s.pos || last-s.pos > statsReads {
		s.pos = max(0, last-statsReads)
		if b.Pushed == nil { // the first sample begins here
			s.pos = last
		}
	}
	changes, err := s.store.Changes(ctx, "", s.pos, statsReads)
	if err != nil {
		return err
	}
	for _, c := range changes {
		s.pos = c.Seq
		switch c.Kind {
		case store.ChangeRecorded:
			b.Shops[c.Shop]++
			if len(b.Recorded) < statsTries {
				s.time(ctx, c, &b.Recorded, func(t bellhop.Trace) time.Time { return t.RecordedAt })
			}
		case store.ChangeSettled:
			if len(b.Notified) < statsTries {
				s.time(ctx, c, &b.Notified, func(t bellhop.Trace) time.Time { return t.PushedAt })
			}
		}
	}
	return nil
}

// time adds how long an order took from being accepted to a step.
func (s *stats) time(ctx context.Context, c store.Change, to *[]time.Duration, step func(bellhop.Trace) time.Time) {
	o, err := s.store.Order(ctx, c.Shop, c.OrderID)
	if at := step(o.Trace); err == nil && !at.IsZero() && !o.Trace.AcceptedAt.IsZero() {
		*to = append(*to, at.Sub(o.Trace.AcceptedAt))
	}
}

// hour returns the samples, and notes that an operator watches.
func (s *stats) hour() []sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = s.now()
	return slices.Clone(s.samples)
}

// middle and slowest are of some durations; ok is false when there are none.
func middle(all []time.Duration) (d time.Duration, ok bool) {
	if len(all) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2], true
}

func slowest(all []time.Duration) (d time.Duration, ok bool) {
	if len(all) == 0 {
		return 0, false
	}
	return slices.Max(all), true
}
