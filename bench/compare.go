package bench

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/results"
)

// CompareOptions are the options of [Compare], and flags of bellhop-bench compare, which
// have its defaults.
type CompareOptions struct {
	Binary   string `name:"binary" placeholder:"FILE" help:"The bellhop to measure; by default the one beside this program."`
	Postgres string `name:"db" env:"BENCH_POSTGRES" placeholder:"URL" help:"A Postgres database whose user may create databases; without it orders go into SQLite."`
	Queue    string `name:"queue" default:"sqlite:" placeholder:"URL" help:"The queue: sqlite:, postgres: (in --db), a virtual host of RabbitMQ, or sqs+http://HOST:PORT of a stand-in for SQS (${default})."`

	PushLatency time.Duration `name:"push-latency" default:"80ms" help:"The push service's time to answer."`
	Faults      string        `name:"faults" placeholder:"LIST" help:"Faults of the push service, as bellhop simulate fcm takes them."`
	Pool        int           `name:"pool" default:"10" help:"How many requests inline handles at once, as a pool of connections allows."`
	Waiting     int           `name:"waiting" default:"100" help:"How many more requests may wait before it refuses them."`
	Background  []int         `name:"background" default:"10,50" placeholder:"N,..." help:"Also answer at once and work in the background of the same process, on pools of so many (${default}); 0 for none."`
	OwnersRate  float64       `name:"owners-rate" default:"50" help:"Owners' requests a second."`

	Rates    []float64     `name:"rates" placeholder:"N,..." help:"The webhooks a second to measure; without it 0.1 to 10 times the pool's capacity."`
	MaxRate  float64       `name:"max-rate" default:"10000" help:"The highest rate to try for queued."`
	Duration time.Duration `name:"duration" default:"8s" help:"The length of one measurement."`
	Repeats  int           `name:"repeats" default:"3" help:"How often to measure each rate in each mode."`
	Refine   int           `name:"refine" default:"3" help:"How many rates to measure at most to find each edge; 0 for none."`
	Quick    bool          `name:"quick" help:"Short and rough: it shows that everything works, but don't rely on its figures."`

	RemoteOK bool   `name:"remote-ok" help:"Allow servers on other machines. It loads them until they fail."`
	Dir      string `name:"dir" placeholder:"DIR" help:"Where to put the data, in a folder that it removes at the end. Choose the disk to measure."`

	Command  string                           `kong:"-"` // as given, for the results
	Traffic  *results.Traffic                 `kong:"-"`
	Progress func(format string, args ...any) `kong:"-"`
	// Keep gets the comparison so far after each rate.
	Keep func(*results.Comparison) error `kong:"-"`
}

// poolShares are the measured rates, as shares of what the pool can serve.
var poolShares = []float64{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 5, 10}

func (o *CompareOptions) check() error {
	if o.Quick {
		o.Duration, o.Repeats, o.Refine, o.MaxRate = 2*time.Second, 1, 0, 1000
	}
	o.Background = slices.DeleteFunc(o.Background, func(pool int) bool { return pool == 0 })
	slices.Sort(o.Background)
	o.Background = slices.Compact(o.Background)
	pools := append([]int{o.Pool}, o.Background...)
	if min(slices.Min(pools), o.Waiting, o.Repeats) < 1 || o.Refine < 0 || min(o.OwnersRate, o.MaxRate) <= 0 {
		return bellhop.Invalidf("compare", "a number or a rate is 0 or negative: give more than 0")
	}
	switch {
	case o.Duration < time.Second || o.Duration > 10*time.Minute:
		return bellhop.Invalidf("compare", "a duration of %v makes no sense: give 1s to 10m", o.Duration)
	case o.PushLatency < time.Millisecond || o.PushLatency > 10*time.Second:
		return bellhop.Invalidf("compare", "a push latency of %v makes no sense: give 1ms to 10s", o.PushLatency)
	case slices.Max(pools) > 1000 || len(pools) > 6 || o.Waiting > 100_000 || o.Repeats > 100 || o.Refine > 20:
		return bellhop.Invalidf("compare", "give pools of at most 1,000, five of them in the background, a line of at most "+
			"100,000, 100 repeats and 20 refinements")
	case o.OwnersRate > 5000 || o.MaxRate > maxRate:
		return bellhop.Invalidf("compare", "give at most 5,000 owners' requests and %s webhooks a second",
			results.Grouped(maxRate))
	}
	return o.checkRates()
}

// maxRate is a rate that the generator holds on a small machine, too.
const maxRate = 20_000

func (o *CompareOptions) checkRates() error {
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
	return o.Traffic.Check()
}

// comparing is a comparison under way.
type comparing struct {
	*bench
	o        CompareOptions
	base     base
	c        *results.Comparison
	backends backends
	modes    []results.Mode
	left     int // measurements, as far as known
	each     time.Duration
}

// Compare measures the same steps on the same store: inside the request, in the background after
// the answer, and behind a queue. When it stops or fails midway it returns the measurements so far, too.
func Compare(ctx context.Context, o CompareOptions) (*results.Comparison, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := o.backends()
	if err != nil {
		return nil, err
	}
	b, err := newBench(ctx, Options{Binary: o.Binary, Dir: o.Dir, Postgres: p.postgres, RabbitMQ: p.rabbitMQ, SQS: p.sqs,
		Duration: o.Duration}, "bellhop-compare-")
	if err != nil {
		return nil, err
	}
	began, watch := time.Now(), watchOthers()
	c := &comparing{o: o, backends: p, bench: b}
	c.c = &results.Comparison{Format: results.Format, Version: b.version, Command: o.Command,
		Started: began.UTC().Truncate(time.Second),
		Machine: ThisMachine(), Traffic: o.Traffic, Problems: []string{},
		Settings: results.CompareSettings{Store: p.store, Queue: p.queue, Pool: o.Pool,
			Background: o.Background, Waiting: o.Waiting, PushLatency: o.PushLatency, Faults: o.Faults,
			OwnersRate: o.OwnersRate, Duration: o.Duration, Repeats: o.Repeats, Disk: diskOf(b.dir)}}
	c.modes = c.c.Settings.Modes()
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
	c.left = len(c.modes)*(c.o.Repeats*(1+len(c.o.Rates))+len(c.o.Rates)) + 2*c.o.Repeats
	if err := c.plain(ctx); err != nil {
		return err
	}
	for n := range c.o.Repeats {
		for _, m := range inTurn(c.modes, n) {
			s, err := c.sample(ctx, m, 0)
			if err != nil {
				return err
			}
			c.c.Idle = append(c.c.Idle, s)
		}
	}
	for _, rate := range c.o.Rates {
		p, err := c.point(ctx, rate, c.modes...)
		if err == nil {
			err = c.kills(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	if err := c.findEnd(ctx); err != nil {
		return err
	}
	return c.refine(ctx)
}

// inTurn is the order of the modes in a repeat: a machine that drifts hurts all
// alike.
func inTurn(modes []results.Mode, n int) []results.Mode {
	modes = slices.Clone(modes)
	if n%2 == 1 {
		slices.Reverse(modes)
	}
	return modes
}

// point measures a rate.
func (c *comparing) point(ctx context.Context, rate float64, modes ...results.Mode) (*results.RatePoint, error) {
	var samples []results.Sample
	for n := range c.o.Repeats {
		for _, m := range inTurn(modes, n) {
			s, err := c.sample(ctx, m, rate)
			if err != nil {
				return nil, err
			}
			samples = append(samples, s)
		}
	}
	at, found := slices.BinarySearchFunc(c.c.Points, rate, func(p results.RatePoint, r float64) int {
		return cmp.Compare(p.Rate, r)
	})
	if !found {
		c.c.Points = slices.Insert(c.c.Points, at, results.RatePoint{Rate: rate})
	}
	p := &c.c.Points[at]
	for _, s := range samples {
		p.Add(s)
	}
	return p, c.o.Keep(c.c)
}

// findEnd doubles the rate until queued fails; by then inline has.
func (c *comparing) findEnd(ctx context.Context) error {
	for {
		good, from := results.Edge(c.c.Rates(results.Queued), c.fails(results.Queued))
		if from > 0 || good == 0 || good >= c.o.MaxRate {
			return nil
		}
		c.left += c.o.Repeats
		if _, err := c.point(ctx, min(c.o.MaxRate, 2*good), results.Queued); err != nil {
			return err
		}
	}
}

func (c *comparing) fails(m results.Mode) func(rate float64) bool {
	return func(rate float64) bool { return c.c.Fails(m, rate) }
}

// edge is a mode's, where something bad begins.
type edge struct {
	modes []results.Mode // to measure; the first is the mode
	bad   func(rate float64) bool
}

// edges are those that matter.
func (c *comparing) edges() []edge {
	all := []edge{
		{c.modes, func(rate float64) bool { return c.c.Feels(results.Inline, rate) }},
		{c.modes, func(rate float64) bool { return c.c.Loses(results.Inline, rate) }},
	}
	for _, m := range c.modes[1:] {
		all = append(all, edge{[]results.Mode{m}, c.fails(m)})
	}
	return all
}

// refine looks for the edges by bisection.
func (c *comparing) refine(ctx context.Context) error {
	for _, e := range c.edges() {
		err := refine(c.c.Rates(e.modes[0]), within, c.o.Refine, e.bad, func(rate float64) ([]float64, error) {
			c.left += len(e.modes) * c.o.Repeats
			_, err := c.point(ctx, rate, e.modes...)
			return c.c.Rates(e.modes[0]), err
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
