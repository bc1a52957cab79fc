package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bellhop"
	"bellhop/bench"
	"bellhop/host"
	"bellhop/internal/results"
	"bellhop/wire"
)

type compareCmd struct {
	measured
	DB    string `name:"db" env:"BENCH_POSTGRES" placeholder:"URL" help:"A Postgres database whose user may create databases; without it orders go into SQLite."`
	Queue string `name:"queue" default:"sqlite:" placeholder:"URL" help:"The queue: sqlite:, postgres: (in --db), a virtual host of RabbitMQ, or sqs+http://HOST:PORT of a stand-in for SQS (${default})."`

	OrdersPerDay float64 `name:"orders-per-day" placeholder:"N" help:"Your shops' orders a day: the answer shows where they lie."`
	PeakFactor   float64 `name:"peak-factor" default:"20" placeholder:"N" help:"How many times busier your busiest second is than the mean one (${default})."`
	Ledger       string  `name:"ledger" placeholder:"URL" help:"The database of a running bellhop, as BELLHOP_DB: take the traffic of its last 7 days."`

	PushLatency time.Duration `name:"push-latency" default:"80ms" help:"The push service's time to answer."`
	Faults      string        `name:"faults" placeholder:"LIST" help:"Faults of the push service, as bellhop simulate fcm takes them."`
	Pool        int           `name:"pool" default:"10" help:"How many requests inline handles at once, as a pool of connections allows."`
	Waiting     int           `name:"waiting" default:"100" help:"How many more requests may wait before it refuses them."`
	OwnersRate  float64       `name:"owners-rate" default:"50" help:"Owners' requests a second."`

	Rates    []float64     `name:"rates" placeholder:"N,..." help:"The webhooks a second to measure; without it 0.1 to 10 times the pool's capacity."`
	MaxRate  float64       `name:"max-rate" default:"10000" help:"The highest rate to try for queued."`
	Duration time.Duration `name:"duration" default:"8s" help:"The length of one measurement."`
	Repeats  int           `name:"repeats" default:"3" help:"How often to measure each rate in each mode."`
	Refine   int           `name:"refine" default:"3" help:"How many rates to measure at most to find each edge; 0 for none."`
	Quick    bool          `name:"quick" help:"Short and rough: it shows that everything works, but don't rely on its figures."`

	RemoteOK bool   `name:"remote-ok" help:"Allow servers on other machines. It loads them until they fail."`
	Dir      string `name:"dir" placeholder:"DIR" help:"Where to put the data, in a folder that it removes at the end. Choose the disk to measure."`
	Out      string `name:"out" default:"." placeholder:"DIR" help:"Where to write results.json and report.html (the current folder)."`
}

// Help implements kong.HelpProvider.
func (compareCmd) Help() string {
	return `Starts bellhop as users do, twice on the same store: inline, which records and pushes before it answers a
webhook, with a pool of connections; and queued, as bellhop does. Webhooks arrive at set rates even if earlier ones are
unanswered, beside a steady load of owners' requests. It measures each rate several times, both modes in turn, and
finds the edges by bisection.

It takes about 20 minutes; end other work first. If you stop it, it keeps its results so far.
bellhop-bench report draws results.json again.

Example:

  bellhop-bench compare --orders-per-day 800 --peak-factor 20 --out comparison`
}

// Run implements the command.
func (c *compareCmd) Run(j *job) error {
	o, err := c.options(j)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	o.Keep = c.write
	comparison, err := bench.Compare(j.ctx, o)
	if comparison == nil || len(comparison.Points) == 0 {
		return interrupted(err, "kept")
	}
	if werr := c.write(comparison); werr != nil {
		return errors.Join(werr, err)
	}
	for _, s := range comparison.Words() {
		j.say("%s", s)
	}
	for _, p := range comparison.Problems {
		j.say("Problem: %s", p)
	}
	html := filepath.Join(c.Out, "report.html")
	j.say("\nThe report is in %s, the results in %s.", html, filepath.Join(c.Out, "results.json"))
	return errors.Join(interrupted(err, "kept"), writeReport(html, comparison))
}

func (c *compareCmd) options(j *job) (o bench.CompareOptions, err error) {
	binary, err := c.program()
	if err != nil {
		return o, err
	}
	o = bench.CompareOptions{
		Binary: binary, Command: commandLine(), Dir: c.Dir, Postgres: c.DB, Queue: c.Queue, RemoteOK: c.RemoteOK,
		Pool: c.Pool, Waiting: c.Waiting, PushLatency: c.PushLatency, Faults: c.Faults, OwnersRate: c.OwnersRate,
		Duration: c.Duration, Repeats: c.Repeats, Rates: c.Rates, MaxRate: c.MaxRate, Refine: c.Refine,
		Progress: j.progress,
	}
	if c.Refine == 0 {
		o.Refine = -1
	}
	if c.Quick {
		o.Quick()
	}
	if c.Ledger != "" && c.OrdersPerDay != 0 {
		return o, bellhop.Invalidf("traffic", "give --orders-per-day or --ledger, not both")
	}
	if c.Ledger != "" {
		if o.Traffic, err = trafficIn(j, c.Ledger); err != nil {
			return o, err
		}
	}
	if c.OrdersPerDay != 0 {
		o.Traffic = &results.Traffic{OrdersPerDay: c.OrdersPerDay, PeakFactor: c.PeakFactor,
			Source: fmt.Sprintf("%v a day, its busiest second %v times the mean", c.OrdersPerDay, c.PeakFactor)}
	}
	return o, nil
}

// commandLine is the command as given, for the report: without the URLs, which hold
// passwords.
func commandLine() string {
	args := []string{"bellhop-bench"}
	for _, a := range os.Args[1:] {
		if scheme, _, ok := strings.Cut(a, "://"); ok {
			a = scheme + "://…"
		}
		args = append(args, a)
	}
	return strings.Join(args, " ")
}

// write keeps the results so that a killed run has all but its last rate.
func (c *compareCmd) write(r *results.Comparison) error {
	path := filepath.Join(c.Out, "results.json")
	if err := writeFile(path+".new", "results", r.WriteJSON); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// trafficIn returns the traffic of a running bellhop's last days.
func trafficIn(j *job, db string) (*results.Traffic, error) {
	s := wire.Storage{DB: db, Queue: db} // the queue is not opened
	opened := wire.Options{Log: slog.New(slog.NewTextHandler(j.err, nil)), Now: time.Now, Existing: true}
	found, there := s.Examine(j.ctx, opened)
	if !there {
		for _, f := range found {
			if f.Level == wire.LevelFail {
				return nil, bellhop.Invalidf("ledger", "--ledger: %s", f.Found)
			}
		}
		return nil, bellhop.Invalidf("ledger",
			"--ledger: there is no database of bellhop: give what BELLHOP_DB is there, such as "+
				"sqlite:/var/lib/bellhop/bellhop.db")
	}
	parts, err := s.OpenStore(j.ctx, opened)
	if err != nil {
		return nil, fmt.Errorf("--ledger: %w", err)
	}
	busy, err := host.LookBack(j.ctx, parts.Store, time.Now())
	if err = errors.Join(err, parts.Close()); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	if busy.All == 0 {
		return nil, bellhop.Invalidf("ledger", "--ledger: no webhook came in the last %d days: give --orders-per-day",
			host.TrafficDays)
	}
	perDay := float64(busy.All) / host.TrafficDays
	return &results.Traffic{OrdersPerDay: perDay, PeakFactor: float64(busy.Second) / perDay * (24 * time.Hour).Seconds(),
		Source: fmt.Sprintf("the ledger of the last %d days: %d in all", host.TrafficDays, busy.All)}, nil
}
