package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"bellhop"
	"bellhop/internal/results"
)

// AlternateOptions are the options of [Alternate], and flags of bellhop-bench alternate,
// which have its defaults.
type AlternateOptions struct {
	Before   string `arg:"" help:"The bellhop before."`
	After    string `arg:"" help:"The bellhop after."`
	Times    int    `name:"times" default:"10" help:"How often to measure each."`
	Orders   int    `name:"orders" default:"20000" help:"How many orders to record."`
	Postgres string `name:"postgres" placeholder:"URL" help:"A database whose user may make others; without it orders go into SQLite."`
	Dir      string `name:"dir" placeholder:"DIR" help:"Where to write data, in a folder that it removes at the end."`

	Progress func(format string, args ...any) `kong:"-"`
}

func (o *AlternateOptions) check() error {
	if o.Times < 1 || o.Times > 1000 || o.Orders < 100 || o.Orders > 10_000_000 {
		return bellhop.Invalidf("alternate", "give 1 to 1,000 times, and 100 to 10,000,000 orders")
	}
	return checkServer("postgres", o.Postgres)
}

// Change is how a figure differs between two programs.
type Change struct {
	Figure string   `json:"figure"`
	Unit   Unit     `json:"unit"`
	Before Quartile `json:"before"`
	After  Quartile `json:"after"`
}

// Quartile is a median, and the bounds of the middle half of the values.
type Quartile struct {
	Median float64   `json:"median"`
	Low    float64   `json:"low"`
	High   float64   `json:"high"`
	Values []float64 `json:"values"` // one after another
}

func quartile(values []float64) Quartile {
	sorted := slices.Sorted(slices.Values(values))
	last := float64(len(sorted) - 1)
	return Quartile{results.MedianOf(values), sorted[int(math.Floor(last/4))], sorted[int(math.Ceil(last*3/4))], values}
}

// Clear reports whether the medians differ by more than either program's own spread.
func (c Change) Clear() bool {
	return math.Abs(c.After.Median-c.Before.Median) > max(c.Before.High-c.Before.Low, c.After.High-c.After.Low)
}

// WriteChanges writes them for people.
func WriteChanges(w io.Writer, all []Change) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tbefore\tafter\tunit\tdifference")
	for _, c := range all {
		difference := "none: less than the spread"
		if c.Clear() {
			difference = fmt.Sprintf("%+.1f %%", 100*(c.After.Median/c.Before.Median-1))
		}
		show := func(q Quartile) string {
			return fmt.Sprintf("%s (%s–%s)", c.Unit.format(q.Median), c.Unit.format(q.Low), c.Unit.format(q.High))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.Figure, show(c.Before), show(c.After), c.Unit, difference)
	}
	return t.Flush()
}

// Alternate makes two programs record the same webhooks in turn, each time on a fresh
// copy of its own data. It uses only their commands and addresses, so that either may
// be much older than this program.
func Alternate(ctx context.Context, o AlternateOptions) (all []Change, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var sides []*side
	for _, binary := range []string{o.Before, o.After} {
		b, failed := newBench(ctx, Options{Binary: binary, Postgres: o.Postgres, Dir: o.Dir}, "bellhop-alternate-")
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, b.tidy()) }()
		sides = append(sides, &side{bench: b})
	}
	if err := o.alternate(ctx, sides); err != nil {
		return nil, err
	}
	return changes(sides[0].measured, sides[1].measured), nil
}

func (o *AlternateOptions) alternate(ctx context.Context, sides []*side) error {
	for _, s := range sides {
		s.secret = sides[0].secret
		if err := s.prepare(ctx); err != nil {
			return err
		}
	}
	for n := range o.Times {
		o.Progress("time %d of %d", n+1, o.Times)
		for i := range sides {
			s := sides[(i+n)%2] // a machine that drifts hurts both alike
			if err := s.record(ctx, sides[0].main.again(firstOrder, 0), int64(o.Orders)); err != nil {
				return err
			}
		}
	}
	return nil
}

// side is one of the programs, with the data that its measurements begin with.
type side struct {
	*bench
	base
}

func (s *side) prepare(ctx context.Context) (err error) {
	s.base = base{dir: filepath.Join(s.bench.dir, "base"), shops: shopsWith(1, mainShop)}
	if s.Postgres != "" {
		if s.database, err = s.newDatabase(ctx, "template0"); err != nil {
			return err
		}
	}
	return s.fill(ctx, s.base, nil, "--no-worker")
}

// record takes and records so many webhooks as fast as the program can.
func (s *side) record(ctx context.Context, w *Webhooks, orders int64) (err error) {
	t, err := s.copyBase(ctx, s.base)
	defer func() { err = errors.Join(err, t.remove(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	return s.running(ctx, t.dir, t.env, func(server *server) error {
		before, err := usageOf(server.cmd.Process.Pid)
		if err != nil {
			return err
		}
		tally, err := Load{Target: server.addr, Requests: w.For, Connections: connections, Count: orders}.Run(ctx)
		if err != nil {
			return err
		}
		recorded, err := server.drained(ctx)
		if err != nil {
			return err
		}
		took := time.Since(tally.Began)
		if recorded != orders {
			return server.trouble(fmt.Errorf("%d webhooks were sent and %d recorded", orders, recorded))
		}
		s.noteCPU("recorded_cpu", server.child, before, recorded)
		s.add("recorded_per_second", float64(recorded)/took.Seconds())
		s.ms("accepted_p99", tally.Latency.At(99))
		return nil
	})
}

func changes(before, after measured) (all []Change) {
	for _, f := range []struct {
		key, title string
		unit       Unit
	}{
		{"recorded_cpu", "CPU an order", Microseconds}, {"recorded_per_second", "recorded", PerSecond},
		{"accepted_p99", "accepted: p99", Milliseconds},
	} {
		all = append(all, Change{f.title, f.unit, quartile(before.values[f.key]), quartile(after.values[f.key])})
	}
	return all
}
