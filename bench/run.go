package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/bench/prices"
)

// Options are the options of [Run]. A field's zero value means its default.
type Options struct {
	Binary string // the measured bellhop; needed
	Self   string // the program to measure it beside; this one
	// where to write data, in a folder that Run removes at the end; "" is the system's folder for temporary files
	Dir string

	Rounds      int           // how often to measure all, one after another; 3
	Duration    time.Duration // of one measurement; 4 s
	Connections int           // that flood; 64
	Queued      int           // webhooks that wait while it measures memory; 200,000
	Orders      int           // recorded before an owner lists them; 5,000
	Pushes      int           // owed before the first is sent; 24,000
	Stored      int           // webhooks to record on Postgres; 20,000

	Only []string // only measurements with one of these in their title, as Progress names it; all if empty

	// Servers on this machine that some measurements need. Run leaves those
	// measurements out without them.
	Postgres string // URL of a database whose user may make others
	RabbitMQ string // URL of a virtual host whose user may do everything in it
	SQS      string // address of a stand-in for SQS, such as "http://127.0.0.1:4566"

	Progress func(format string, args ...any) // gets each beginning; may be nil
}

// Quick makes a run short: enough to see that all works, not to rely on.
func (o *Options) Quick() {
	o.Rounds, o.Duration, o.Queued, o.Orders, o.Pushes, o.Stored = 1, time.Second, 20_000, 1000, 6000, 5000
}

func (o *Options) fill() error {
	if o.Binary == "" {
		return bellhop.Invalidf("bench", "there is no binary to measure")
	}
	if o.Duration < 0 || min(o.Rounds, o.Connections, o.Queued, o.Orders, o.Pushes, o.Stored) < 0 {
		return bellhop.Invalidf("bench",
			"a number of rounds, webhooks, orders or pushes, or a duration, is negative: give 1 or more")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	o.Self = orDefault(o.Self, self)
	o.Rounds, o.Duration = orDefault(o.Rounds, 3), orDefault(o.Duration, 4*time.Second)
	o.Connections, o.Queued = orDefault(o.Connections, 64), orDefault(o.Queued, 200_000)
	o.Orders, o.Pushes = orDefault(o.Orders, 5000), orDefault(o.Pushes, 24_000)
	o.Stored = orDefault(o.Stored, 20_000)
	if o.Duration < 100*time.Millisecond || o.Connections > 1000 {
		return bellhop.Invalidf("bench", "give a duration of at least 100ms, and at most 1,000 connections")
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	return o.checkServers()
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// bench is a run under way.
type bench struct {
	Options
	measured
	source    string // folder of bellhop's own source; "" if it can't be built here
	skipped   string // measurements left out, and why
	dir       string // of all files; removed at the end
	secret    string // signs webhooks
	password  string // of all who sign in
	children  int
	loads     int64 // so far; each has order ids of its own
	data      data
	postgres  *postgresData // nil until it is needed
	databases int
	costsMu   sync.Mutex
	costs     []Cost
	made      map[string]*Webhooks // one of each kind
}

// Run measures all of [Results.Figures]. The rounds go through all measurements
// in turn, bare handler and bellhop after one another, so that a machine that
// drifts hurts both alike. When it fails midway it returns the results so far, too.
func Run(ctx context.Context, o Options) (*Results, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	version, err := versionOf(ctx, o.Binary)
	if err != nil {
		return nil, err
	}
	began, watch := time.Now(), watchOthers()
	r := &Results{Format: 1, Version: version, Started: began.UTC().Truncate(time.Second), Machine: ThisMachine()}
	dir, err := os.MkdirTemp(o.Dir, "bellhop-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the data: %w", err)
	}
	defer os.RemoveAll(dir)
	r.Settings = Settings{
		Rounds: o.Rounds, Duration: o.Duration, Connections: o.Connections, Queued: o.Queued, Disk: diskOf(dir),
	}
	b := &bench{
		Options: o, measured: measured{values: map[string][]float64{}, problems: []string{}}, dir: dir,
		secret: rand.Text(), password: rand.Text(), made: map[string]*Webhooks{}, source: findSource(),
	}
	err = errors.Join(b.all(ctx), b.tidy())
	r.Figures, r.Problems, r.Took = b.figures(), b.problems, time.Since(began)
	r.Skipped, r.Costs = b.skipped, b.costs
	if len(r.Costs) > 0 {
		r.Prices = prices.Today()
	}
	r.Machine.Others = watch.others(r.Machine.Cores)
	return r, err
}

// step is one measurement.
type step struct {
	title    string
	run      func(context.Context) error
	requires []*requirement
	bare     bool // compared with the step before
	once     bool // after all rounds, instead of in each
}

func (b *bench) steps() []step {
	return []step{
		{title: "bare handler", run: b.measureBare},
		{title: "accepting", run: b.measureAccepting, bare: true},
		{title: "bare handler", run: b.measureBare},
		{title: "recording", run: b.measureRecording, bare: true},
		{title: "ringing", run: b.measureNotifying},
		{title: "pushing", run: b.measurePushing},
		{title: "reading", run: b.measureReading},
		{title: "open pages", run: b.measurePages},
		{title: "starting", run: b.measureStarting},
		{title: "recording on Postgres", run: b.measurePostgres, requires: []*requirement{requiresPostgres}},
		{title: "queueing in Postgres", run: b.measurePostgresQueue, requires: []*requirement{requiresPostgres}},
		{title: "queueing in RabbitMQ", run: b.measureRabbitMQ, requires: []*requirement{requiresRabbitMQ}},
		{title: "recording from RabbitMQ on Postgres", run: b.measureRabbitAndPostgres,
			requires: []*requirement{requiresRabbitMQ, requiresPostgres}},
		{title: "sending to SQS", run: b.measureSQS, requires: []*requirement{requiresSQS}},
		{title: "starting Lambda", run: b.measureLambdaStart,
			requires: []*requirement{requiresPostgres, requiresSQS, requiresGo}},
		{title: fmt.Sprintf("queueing %d webhooks", b.Queued), run: b.measureQueued, once: true},
		{title: "counting what AWS bills", run: b.measureCosts,
			requires: []*requirement{requiresPostgres, requiresSQS, requiresGo}, once: true},
	}
}

// chosen returns the steps that only names, and those to compare them with.
func chosen(steps []step, only []string) (out []step, err error) {
	asked := func(s step, only ...string) bool {
		return slices.ContainsFunc(only, func(o string) bool { return strings.Contains(s.title, o) })
	}
	for _, o := range only {
		if !slices.ContainsFunc(steps, func(s step) bool { return asked(s, o) }) {
			var titles []string
			for _, s := range steps {
				titles = append(titles, s.title)
			}
			return nil, bellhop.Invalidf("bench", "nothing that is measured has %q in its title: there are %s", o,
				strings.Join(titles, ", "))
		}
	}
	for i, s := range steps {
		compared := i+1 < len(steps) && steps[i+1].bare && asked(steps[i+1], only...)
		if len(only) == 0 || asked(s, only...) || compared {
			out = append(out, s)
		}
	}
	return out, nil
}

func (b *bench) all(ctx context.Context) error {
	steps, err := chosen(b.steps(), b.Only)
	if err != nil {
		return err
	}
	steps = b.able(steps)
	b.Progress("preparing shops, devices and orders")
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for round := range b.Rounds {
		for _, s := range steps {
			if s.once {
				continue
			}
			b.Progress("round %d of %d: %s", round+1, b.Rounds, s.title)
			if err := b.step(ctx, s); err != nil {
				return err
			}
		}
	}
	for _, s := range steps {
		if !s.once {
			continue
		}
		b.Progress("%s", s.title)
		if err := b.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) step(ctx context.Context, s step) error {
	if err := s.run(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("measure %s: %w", s.title, err)
	}
	return nil
}

// webhooks makes those of one load. keep is how many due times to keep.
func (b *bench) webhooks(shops []string, keep int) (*Webhooks, error) {
	return b.webhooksOf(WebhookOptions{Shops: shops, Keep: keep})
}

// basicWebhooks makes those of a load that goes through SQS's stand-in.
func (b *bench) basicWebhooks() (*Webhooks, error) {
	return b.webhooksOf(WebhookOptions{Shops: []string{mainShop}, Basic: true})
}

func (b *bench) webhooksOf(o WebhookOptions) (*Webhooks, error) {
	b.loads++
	o.First = firstOrder + b.loads*1e8
	kind := fmt.Sprint(o.Shops, o.Basic)
	if w := b.made[kind]; w != nil {
		return w.again(o.First, o.Keep), nil
	}
	o.Host, o.Secret, o.Seed, o.Now = "bellhop.test", b.secret, 1, time.Now()
	w, err := NewWebhooks(o)
	if err == nil {
		b.made[kind] = w
	}
	return w, err
}

// flood is a closed loop of all connections.
func (b *bench) flood(target string, w *Webhooks) Load {
	return Load{Target: target, Requests: w.For, Connections: b.Connections, Duration: b.Duration}
}

// passwordFile writes the password where a command can read it.
func (b *bench) passwordFile() (string, error) {
	path := filepath.Join(b.dir, "password")
	return path, os.WriteFile(path, []byte(b.password), 0o600)
}
