package main

import (
	"errors"
	"fmt"
	"io"
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
	bench.CompareOptions

	OrdersPerDay float64 `name:"orders-per-day" placeholder:"N" help:"Your shops' orders a day: the answer shows where they lie."`
	PeakFactor   float64 `name:"peak-factor" default:"20" placeholder:"N" help:"How many times busier your busiest second is than the mean one (${default})."`
	Ledger       string  `name:"ledger" placeholder:"URL" help:"The database of a running bellhop, as BELLHOP_DB: take the traffic of its last 7 days."`

	Out string `name:"out" default:"." placeholder:"DIR" help:"Where to write results.json and report.html (the current folder)."`
}

// Help implements kong.HelpProvider.
func (compareCmd) Help() string {
	return `Starts bellhop on the same store in each of these ways: inline, which records and pushes before it answers a
webhook, with a pool of connections; in the background, which answers first and then works on in the same process, on
pools of 10 and of 50; and queued, as bellhop does. Webhooks arrive at set rates even if earlier ones are unanswered,
beside a steady load of owners' requests. It measures each rate several times, all modes in turn, and finds the edges by
bisection. At each rate it also kills each mode's process once, starts it again, and counts the orders that were
acknowledged and are lost.

It takes about 50 minutes; end other work first. If you stop it, it keeps its results so far.
bellhop-bench report draws results.json again.

Example:

  bellhop-bench compare --orders-per-day 800 --peak-factor 20 --out comparison`
}

// Run implements the command.
func (c *compareCmd) Run(j *job) error {
	if err := c.complete(j); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return fmt.Errorf("make the folder of the results: %w", err)
	}
	comparison, err := bench.Compare(j.ctx, c.CompareOptions)
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

// complete sets the options that are no flags.
func (c *compareCmd) complete(j *job) (err error) {
	if c.Binary, err = program(c.Binary); err != nil {
		return err
	}
	c.Command, c.Progress, c.Keep = commandLine(), j.progress, c.write
	switch {
	case c.Ledger != "" && c.OrdersPerDay != 0:
		return bellhop.Invalidf("traffic", "give --orders-per-day or --ledger, not both")
	case c.Ledger != "":
		c.Traffic, err = trafficIn(j, c.Ledger)
	case c.OrdersPerDay != 0:
		c.Traffic = &results.Traffic{OrdersPerDay: c.OrdersPerDay, PeakFactor: c.PeakFactor,
			Source: fmt.Sprintf("%v a day, its busiest second %v times the mean", c.OrdersPerDay, c.PeakFactor)}
	}
	return err
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
	if err := writeFile(path+".new", "results", func(w io.Writer) error { return results.WriteJSON(w, r) }); err != nil {
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
