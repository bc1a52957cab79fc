package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/results"
)

// CompareOptions are the options of [Compare]. A field's zero value means its
// default.
type CompareOptions struct {
	Binary  string // the measured bellhop; needed
	Command string // as given, for the results
	Dir     string // where to write data, in a folder that Compare removes at the end

	// Postgres is the URL of a database whose user may make others; with it orders
	// are stored there, else in SQLite.
	Postgres string
	// Queue is a value of BELLHOP_QUEUE without a name: "sqlite:" (also when it is
	// empty), "postgres:", or the URL of a virtual host of RabbitMQ.
	Queue string
	// RemoteOK allows servers on other machines.
	RemoteOK bool

	Pool, Waiting int           // of inline; 10 and 100
	PushLatency   time.Duration // how long the push service takes; 80 ms
	Faults        string        // of the push service, as bellhop simulate fcm takes them
	OwnersRate    float64       // owners' requests a second; 50
	Duration      time.Duration // of one measurement; 8 s
	Repeats       int           // of each rate; 3
	Rates         []float64     // by default from a tenth of the pool's rate to ten times that
	MaxRate       float64       // the highest rate to try for queued; 10,000
	Refine        int           // measurements for each edge; 3, none if negative
	Traffic       *results.Traffic

	Progress func(format string, args ...any)
	// Keep gets the comparison so far after each rate.
	Keep func(*results.Comparison) error
}

// poolShares are the measured rates, as shares of what the pool can serve.
var poolShares = []float64{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 5, 10}

// Quick makes a run short: enough to see that all works, not to rely on.
func (o *CompareOptions) Quick() {
	o.Duration, o.Repeats, o.Refine, o.MaxRate = 2*time.Second, 1, -1, 1000
}

func (o *CompareOptions) fill() error {
	if o.Binary == "" {
		return bellhop.Invalidf("compare", "there is no binary to measure")
	}
	if min(o.Pool, o.Waiting, o.Repeats) < 0 || o.PushLatency < 0 || o.Duration < 0 || min(o.OwnersRate, o.MaxRate) < 0 {
		return bellhop.Invalidf("compare", "a number, a rate or a time is negative: give more than 0")
	}
	o.Pool, o.Waiting, o.Repeats = orDefault(o.Pool, 10), orDefault(o.Waiting, 100), orDefault(o.Repeats, 3)
	o.PushLatency, o.Duration = orDefault(o.PushLatency, 80*time.Millisecond), orDefault(o.Duration, 8*time.Second)
	o.OwnersRate, o.MaxRate, o.Refine = orDefault(o.OwnersRate, 50), orDefault(o.MaxRate, 10_000), orDefault(o.Refine, 3)
	o.Queue = orDefault(o.Queue, "sqlite:")
	switch {
	case o.Duration < time.Second || o.Duration > 10*time.Minute:
		return bellhop.Invalidf("compare", "a duration of %v makes no sense: give 1s to 10m", o.Duration)
	case o.PushLatency < time.Millisecond || o.PushLatency > 10*time.Second:
		return bellhop.Invalidf("compare", "a push latency of %v makes no sense: give 1ms to 10s", o.PushLatency)
	case o.Pool > 1000 || o.Waiting > 100_000 || o.Repeats > 100 || o.Refine > 20:
		return bellhop.Invalidf("compare",
			"give a pool of at most 1,000, a line of at most 100,000, 100 repeats and 20 refinements")
	case o.OwnersRate > 5000 || o.MaxRate > maxRate:
		return bellhop.Invalidf("compare", "give at most 5,000 owners' requests and %s webhooks a second",
			results.Grouped(maxRate))
	}
	return o.fillRates()
}

// maxRate is a rate that the generator holds on a small machine, too.
const maxRate = 20_000

func (o *CompareOptions) fillRates() error {
	if len(o.Rates) == 0 {
		for _, share := range poolShares {
			o.Rates = append(o.Rates, min(o.MaxRate, round(share*float64(o.Pool)/o.PushLatency.Seconds())))
		}
	}
	slices.Sort(o.Rates)
	o.Rates = slices.Compact(o.Rates)
	for _, r := range o.Rates {
		if r < 1 || r > maxRate {
			return bellhop.Invalidf("compare", "%v webhooks a second make no sense: give 1 to %s", r, results.Grouped(maxRate))
		}
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	if o.Keep == nil {
		o.Keep = func(*results.Comparison) error { return nil }
	}
	return o.Traffic.Check()
}

// comparing is a comparison under way.
type comparing struct {
	*bench
	o        CompareOptions
	c        *results.Comparison
	backends backends
	left     int // measurements, as far as known
	each     time.Duration
}

// Compare measures the same steps twice on the same store: inside the request and
// behind a queue. When it stops or fails midway it returns the measurements so far, too.
func Compare(ctx context.Context, o CompareOptions) (*results.Comparison, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := o.backends()
	if err != nil {
		return nil, err
	}
	version, err := versionOf(ctx, o.Binary)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp(o.Dir, "bellhop-compare-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the data: %w", err)
	}
	defer os.RemoveAll(dir)
	began, watch := time.Now(), watchOthers()
	c := &comparing{o: o, backends: p, bench: &bench{
		Options: Options{Binary: o.Binary, Self: self, Postgres: p.postgres, RabbitMQ: p.rabbitMQ, SQS: p.sqs,
			Duration: o.Duration, Connections: 64},
		dir: dir, secret: rand.Text(), password: rand.Text(), made: map[string]*Webhooks{},
	}}
	c.c = &results.Comparison{Format: results.Format, Version: version, Command: o.Command,
		Started: began.UTC().Truncate(time.Second),
		Machine: ThisMachine(), Traffic: o.Traffic, Problems: []string{},
		Settings: results.CompareSettings{Store: p.store, Queue: p.queue, Pool: o.Pool, Waiting: o.Waiting,
			PushLatency: o.PushLatency, Faults: o.Faults,
			OwnersRate: o.OwnersRate, Duration: o.Duration, Repeats: o.Repeats, Disk: diskOf(dir)}}
	err = errors.Join(c.all(ctx), c.tidy())
	c.c.Took, c.c.Interrupted = time.Since(began), ctx.Err() != nil
	c.c.Machine.Others = watch.others(c.c.Machine.Cores)
	return c.c, err
}

func (c *comparing) all(ctx context.Context) error {
	c.o.Progress("preparing shops, devices and orders")
	if err := c.prepareShops(ctx); err != nil {
		return err
	}
	c.left = 2*c.o.Repeats*(1+len(c.o.Rates)) + 2*c.o.Repeats
	if err := c.plain(ctx); err != nil {
		return err
	}
	for n := range c.o.Repeats {
		for _, m := range inTurn(n) {
			s, err := c.sample(ctx, m, 0)
			if err != nil {
				return err
			}
			c.c.Idle = append(c.c.Idle, s)
		}
	}
	for _, rate := range c.o.Rates {
		if err := c.point(ctx, rate, results.Inline, results.Queued); err != nil {
			return err
		}
	}
	if err := c.findEnd(ctx); err != nil {
		return err
	}
	return c.refine(ctx)
}

// inTurn is the order of the modes in a repeat: a machine that drifts hurts both
// alike.
func inTurn(n int) []results.Mode {
	if n%2 == 0 {
		return []results.Mode{results.Inline, results.Queued}
	}
	return []results.Mode{results.Queued, results.Inline}
}

// point measures a rate.
func (c *comparing) point(ctx context.Context, rate float64, modes ...results.Mode) error {
	p := results.RatePoint{Rate: rate}
	for n := range c.o.Repeats {
		for _, m := range inTurn(n) {
			if !slices.Contains(modes, m) {
				continue
			}
			s, err := c.sample(ctx, m, rate)
			if err != nil {
				return err
			}
			if m == results.Inline {
				p.Inline = append(p.Inline, s)
			} else {
				p.Queued = append(p.Queued, s)
			}
		}
	}
	at, _ := slices.BinarySearchFunc(c.c.Points, rate, func(p results.RatePoint, r float64) int { return int(p.Rate - r) })
	c.c.Points = slices.Insert(c.c.Points, at, p)
	return c.o.Keep(c.c)
}

// findEnd doubles the rate until queued fails; by then inline has.
func (c *comparing) findEnd(ctx context.Context) error {
	for {
		good, from := results.Edge(c.c.Rates(results.Queued), c.c.QueuedFails)
		if from > 0 || good == 0 || good >= c.o.MaxRate {
			return nil
		}
		c.left += c.o.Repeats
		if err := c.point(ctx, min(c.o.MaxRate, 2*good), results.Queued); err != nil {
			return err
		}
	}
}

// refine looks for the edges by bisection.
func (c *comparing) refine(ctx context.Context) error {
	r := refinement{within: 1.15, steps: c.o.Refine}
	for _, e := range []struct {
		mode  results.Mode
		bad   func(float64) bool
		modes []results.Mode
	}{
		{results.Inline, func(rate float64) bool { return c.c.Feels(results.Inline, rate) },
			[]results.Mode{results.Inline, results.Queued}},
		{results.Inline, func(rate float64) bool { return c.c.Loses(results.Inline, rate) },
			[]results.Mode{results.Inline, results.Queued}},
		{results.Queued, c.c.QueuedFails, []results.Mode{results.Queued}},
	} {
		err := r.run(c.c.Rates(e.mode), e.bad, func(rate float64) ([]float64, error) {
			c.left += len(e.modes) * c.o.Repeats
			err := c.point(ctx, rate, e.modes...)
			return c.c.Rates(e.mode), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// progress reports the measurement that begins, and how much time is left.
func (c *comparing) progress(what string) {
	if c.each == 0 {
		c.each = c.o.Duration + 3*time.Second
	}
	c.o.Progress("%s; about %v left", what, (time.Duration(c.left) * c.each).Round(10*time.Second))
}

// took learns from a measurement how long one takes.
func (c *comparing) took(d time.Duration) {
	c.left--
	c.each = (c.each + d) / 2
}
