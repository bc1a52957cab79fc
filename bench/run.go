package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/bench/prices"
)

// Options are the options of [Run], and flags of bellhop-bench run, which have its
// defaults.
type Options struct {
	Binary   string        `name:"binary" placeholder:"FILE" help:"The bellhop to measure; by default the one beside this program."`
	Rounds   int           `name:"rounds" default:"3" help:"How many rounds to measure."`
	Duration time.Duration `name:"duration" default:"4s" help:"The length of one measurement."`
	Queued   int           `name:"queued" default:"200000" help:"How many webhooks wait while it measures memory."`
	Orders   int           `name:"orders" default:"5000" help:"How many orders there are when an owner lists them."`
	Pushes   int           `name:"pushes" default:"24000" help:"How many pushes to send."`
	Stored   int           `name:"stored" default:"20000" help:"How many webhooks to record on Postgres."`
	Postgres string        `name:"postgres" env:"BENCH_POSTGRES" placeholder:"URL" help:"A Postgres database on this machine whose user may create databases: also measure Postgres."`
	RabbitMQ string        `name:"rabbitmq" env:"BENCH_RABBITMQ" placeholder:"URL" help:"A virtual host of RabbitMQ on this machine: also measure RabbitMQ."`
	SQS      string        `name:"sqs" env:"BENCH_SQS" placeholder:"URL" help:"A stand-in for SQS on this machine: also measure SQS."`
	Only     []string      `name:"only" placeholder:"TITLE" help:"Only measurements whose title contains this."`
	Quick    bool          `name:"quick" help:"One short round: it shows that everything works, but don't rely on its figures."`
	Dir      string        `name:"dir" placeholder:"DIR" help:"Where to put the data, in a folder that it removes at the end. Choose the disk to measure."`

	Progress func(format string, args ...any) `kong:"-"` // gets each beginning
}

func (o *Options) check() error {
	if o.Quick {
		o.Rounds, o.Duration, o.Queued, o.Orders, o.Pushes, o.Stored = 1, time.Second, 20_000, 1000, 6000, 5000
	}
	if min(o.Rounds, o.Queued, o.Orders, o.Pushes, o.Stored) < 1 {
		return bellhop.Invalidf("bench", "a number of rounds, webhooks, orders or pushes is 0 or negative: give 1 or more")
	}
	if o.Duration < 100*time.Millisecond {
		return bellhop.Invalidf("bench", "give a duration of at least 100ms")
	}
	return errors.Join(checkServer("postgres", o.Postgres), checkServer("rabbitmq", o.RabbitMQ), checkServer("sqs", o.SQS))
}

// connections are those of a flood.
const connections = 64

// bench is a run under way.
type bench struct {
	Options
	measured
	version   string // of the binary
	self      string // this program, to measure the binary beside
	source    string // folder of bellhop's own source; "" if it can't be built here
	skipped   string // measurements left out, and why
	dir       string // of all files; removed at the end
	secret    string // signs webhooks
	password  string // of all who sign in
	children  int
	loads     int64 // so far; each has order ids of its own
	data      data
	postgres  *base // nil until it is needed
	databases int
	costsMu   sync.Mutex
	costs     []Cost
	main      *Webhooks            // of the main shop
	made      map[string]*Webhooks // others, one of each kind
}

// newBench makes the folder of a run; tidy removes it.
func newBench(ctx context.Context, o Options, folder string) (*bench, error) {
	b := &bench{Options: o, measured: measured{values: map[string][]float64{}, problems: []string{}},
		secret: rand.Text(), password: rand.Text(), made: map[string]*Webhooks{}}
	var err error
	if b.version, err = versionOf(ctx, o.Binary); err != nil {
		return nil, err
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if b.main, err = b.webhooks([]string{mainShop}, 0); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(o.Dir, folder); err != nil {
		return nil, fmt.Errorf("make a folder for the data: %w", err)
	}
	return b, nil
}

// Run measures all of [Results.Figures]. The rounds go through all measurements
// in turn, bare handler and bellhop after one another, so that a machine that
// drifts hurts both alike. When it fails midway it returns the results so far, too.
func Run(ctx context.Context, o Options) (*Results, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := newBench(ctx, o, "bellhop-bench-")
	if err != nil {
		return nil, err
	}
	began, watch := time.Now(), watchOthers()
	r := &Results{Format: 1, Version: b.version, Started: began.UTC().Truncate(time.Second), Machine: ThisMachine()}
	r.Settings = Settings{Rounds: o.Rounds, Duration: o.Duration, Connections: connections, Queued: o.Queued,
		Disk: diskOf(b.dir)}
	b.source = findSource()
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
	title string
	run   func(context.Context) error
	needs []string
	bare  bool // compared with the step before
	once  bool // after all rounds, instead of in each
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
		{title: "recording on Postgres", run: b.measurePostgres, needs: []string{needsPostgres}},
		{title: "queueing in Postgres", run: b.measurePostgresQueue, needs: []string{needsPostgres}},
		{title: "queueing in RabbitMQ", run: b.measureRabbitMQ, needs: []string{needsRabbitMQ}},
		{title: "recording from RabbitMQ on Postgres", run: b.measureRabbitAndPostgres,
			needs: []string{needsRabbitMQ, needsPostgres}},
		{title: "sending to SQS", run: b.measureSQS, needs: []string{needsSQS}},
		{title: "starting Lambda", run: b.measureLambdaStart,
			needs: []string{needsPostgres, needsSQS, needsGo}},
		{title: fmt.Sprintf("queueing %d webhooks", b.Queued), run: b.measureQueued, once: true},
		{title: "counting what AWS bills", run: b.measureCosts,
			needs: []string{needsPostgres, needsSQS, needsGo}, once: true},
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
	for round := range b.Rounds + 1 {
		for _, s := range steps {
			if s.once != (round == b.Rounds) {
				continue
			}
			title := s.title
			if !s.once {
				title = fmt.Sprintf("round %d of %d: %s", round+1, b.Rounds, s.title)
			}
			b.Progress("%s", title)
			if err := b.step(ctx, s); err != nil {
				return err
			}
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

// mainWebhooks makes those of a load on the main shop.
func (b *bench) mainWebhooks() *Webhooks {
	b.loads++
	return b.main.again(firstOrder+b.loads*1e8, 0)
}

// webhooks makes those of one load. keep is how many due times to keep.
func (b *bench) webhooks(shops []string, keep int) (*Webhooks, error) {
	return b.webhooksOf(WebhookOptions{Shops: shops, Keep: keep})
}

// basicWebhooks makes those of a load that goes through SQS's stand-in.
func (b *bench) basicWebhooks(shops []string) (*Webhooks, error) {
	return b.webhooksOf(WebhookOptions{Shops: shops, Basic: true})
}

func (b *bench) webhooksOf(o WebhookOptions) (*Webhooks, error) {
	b.loads++
	o.First = firstOrder + b.loads*1e8
	kind := fmt.Sprint(o.Shops, o.Basic)
	if w := b.made[kind]; w != nil {
		return w.again(o.First, o.Keep), nil
	}
	o.Host, o.Secret, o.Seed = "bellhop.test", b.secret, 1
	w, err := NewWebhooks(o)
	if err == nil {
		b.made[kind] = w
	}
	return w, err
}

// flood is a closed loop of all connections.
func (b *bench) flood(target string, w *Webhooks) Load {
	return Load{Target: target, Requests: w.For, Connections: connections, Duration: b.Duration}
}
