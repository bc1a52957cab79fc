package web

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
	pulseEvery = 5 * time.Second
	// While no operator watches it looks less often: some queues charge for each look.
	pulseIdle    = 30 * time.Second
	pulseWatched = 2 * time.Minute // after an operator asked
	pulseKept    = time.Hour
	pulseLimit   = 3 * time.Second // for one look
	pulseReads   = 2000            // changes read in one look
	pulseTries   = 10              // orders looked up in one look, of each sort
)

// pulse looks every now and then at how much comes in, waits and goes out, whichever
// process does the work, and remembers an hour of it.
type pulse struct {
	store Store
	queue Queue
	now   func() time.Time

	once sync.Once
	stop chan struct{}
	done chan struct{}
	away *pipeline.Trouble

	seen totals // at the last look; zero before
	pos  int64  // of the stream

	mu    sync.Mutex
	beats []beat    // oldest first
	asked time.Time // when an operator last did
}

// totals are counts that only grow.
type totals struct {
	at       time.Time
	in, out  int64
	pushes   map[bellhop.PushStatus]int64
	complete bool
}

// beat is what one look found.
type beat struct {
	At       time.Time
	In, Out  float64                        // events a second since the look before
	Pushed   map[bellhop.PushStatus]float64 // pushes a second; nil where no rate is known, as at the first look
	Waiting  int
	Leased   int
	Dead     int
	Oldest   time.Duration
	Owed     int64           // pushes
	Recorded []time.Duration // from accepting an order until it was recorded, of some
	Rang     []time.Duration // and until its push was sent
	Shops    map[string]int  // new orders
}

func newPulse(s Store, q Queue, now func() time.Time, l *slog.Logger) *pulse {
	return &pulse{store: s, queue: q, now: now, stop: make(chan struct{}), done: make(chan struct{}),
		away: pipeline.NewTrouble(l, slog.LevelWarn, "the operators' charts have a gap", "the operators' charts go on")}
}

func (p *pulse) close() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}

// run looks until it is closed. Without a queue there is nothing to look at.
func (p *pulse) run() {
	defer close(p.done)
	if p.queue == nil {
		return
	}
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for {
		if p.due() {
			p.look()
		}
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
	}
}

// due reports whether it is time for a look.
func (p *pulse) due() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	return len(p.beats) == 0 || now.Sub(p.asked) < pulseWatched || now.Sub(p.beats[len(p.beats)-1].At) >= pulseIdle-pulseEvery/2
}

// look adds a beat. When something is away there is a gap.
func (p *pulse) look() {
	ctx, cancel := context.WithTimeout(context.Background(), pulseLimit)
	defer cancel()
	b, err := p.beat(ctx)
	p.away.Note(err)
	if err != nil {
		p.seen.complete = false
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beats = slices.DeleteFunc(append(p.beats, b), func(old beat) bool { return b.At.Sub(old.At) > pulseKept })
}

func (p *pulse) beat(ctx context.Context) (b beat, err error) {
	depth, err := p.queue.Depth(ctx)
	if err != nil {
		return b, err
	}
	outcomes, err := p.store.Totals(ctx)
	if err != nil {
		return b, err
	}
	now := totals{at: p.now(), complete: true}
	for _, n := range outcomes {
		now.out += n
	}
	now.in = now.out + int64(depth.Waiting+depth.Leased)
	if now.pushes, err = p.store.PushCounts(ctx); err != nil {
		return b, err
	}
	b = beat{At: now.at, Waiting: depth.Waiting, Leased: depth.Leased, Dead: depth.Dead, Oldest: depth.Oldest,
		Owed: now.pushes[bellhop.PushPending] + now.pushes[bellhop.PushSending], Shops: map[string]int{}}
	b.rates(p.seen, now)
	if err := p.follow(ctx, &b); err != nil {
		return b, err
	}
	p.seen = now
	return b, nil
}

// rates are what grew since the look before.
func (b *beat) rates(before, now totals) {
	seconds := now.at.Sub(before.at).Seconds()
	if !before.complete || seconds <= 0 {
		return
	}
	rate := func(was, is int64) float64 { return max(0, float64(is-was)/seconds) }
	b.In, b.Out = rate(before.in, now.in), rate(before.out, now.out)
	b.Pushed = map[bellhop.PushStatus]float64{}
	for _, s := range []bellhop.PushStatus{bellhop.PushSent, bellhop.PushFailed, bellhop.PushSkipped, bellhop.PushUnknown} {
		b.Pushed[s] = rate(before.pushes[s], now.pushes[s])
	}
}

// follow reads what changed since the look before, as far as it can: it counts the
// new orders of each shop, and looks some of them up.
func (p *pulse) follow(ctx context.Context, b *beat) error {
	last, err := p.store.LastChange(ctx)
	if err != nil {
		return err
	}
	if p.pos == 0 || last < p.pos || last-p.pos > pulseReads {
		p.pos = max(0, last-pulseReads)
		if b.Pushed == nil { // the first look begins here
			p.pos = last
		}
	}
	changes, err := p.store.Changes(ctx, "", p.pos, pulseReads)
	if err != nil {
		return err
	}
	for _, c := range changes {
		p.pos = c.Seq
		switch c.Kind {
		case store.ChangeRecorded:
			b.Shops[c.Shop]++
			if len(b.Recorded) < pulseTries {
				p.time(ctx, c, &b.Recorded, func(t bellhop.Trace) time.Time { return t.RecordedAt })
			}
		case store.ChangeSettled:
			if len(b.Rang) < pulseTries {
				p.time(ctx, c, &b.Rang, func(t bellhop.Trace) time.Time { return t.PushedAt })
			}
		}
	}
	return nil
}

// time adds how long an order took from being accepted to a step.
func (p *pulse) time(ctx context.Context, c store.Change, to *[]time.Duration, step func(bellhop.Trace) time.Time) {
	o, err := p.store.Order(ctx, c.Shop, c.OrderID)
	if at := step(o.Trace); err == nil && !at.IsZero() && !o.Trace.AcceptedAt.IsZero() {
		*to = append(*to, at.Sub(o.Trace.AcceptedAt))
	}
}

// hour returns the beats so far, to somebody who watches.
func (p *pulse) hour() []beat {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = p.now()
	return slices.Clone(p.beats)
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
