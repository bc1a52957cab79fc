package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"bellhop"
)

// AlternateOptions are the options of [Alternate]. A field's zero value means its
// default.
type AlternateOptions struct {
	Before, After string // the programs; needed
	Postgres      string // URL of a database whose user may make others; "" is SQLite
	Dir           string // where to write data, in a folder that Alternate removes at the end
	Times         int    // how often to measure each program; 10
	Orders        int    // of one measurement; 20,000
	Progress      func(format string, args ...any)
}

func (o *AlternateOptions) fill() error {
	o.Times, o.Orders = orDefault(o.Times, 10), orDefault(o.Orders, 20_000)
	if o.Times < 1 || o.Times > 1000 || o.Orders < 100 || o.Orders > 10_000_000 {
		return bellhop.Invalidf("alternate", "give 1 to 1,000 times, and 100 to 10,000,000 orders")
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	return (&Options{Postgres: o.Postgres}).checkServers()
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
	return Quartile{median(values), sorted[int(math.Floor(last/4))], sorted[int(math.Ceil(last*3/4))], values}
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
func Alternate(ctx context.Context, o AlternateOptions) ([]Change, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "bellhop-alternate-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the data: %w", err)
	}
	defer os.RemoveAll(dir)
	sides := make([]*side, 2)
	secret, password := rand.Text(), rand.Text()
	for i, binary := range []string{o.Before, o.After} {
		sides[i] = &side{bench: &bench{
			Options:  Options{Binary: binary, Postgres: o.Postgres, Connections: 64},
			measured: measured{values: map[string][]float64{}},
			dir:      filepath.Join(dir, fmt.Sprint(i)), secret: secret, password: password,
		}}
	}
	err = o.alternate(ctx, sides)
	for _, s := range sides {
		err = errors.Join(err, s.tidyAll())
	}
	if err != nil {
		return nil, err
	}
	return changes(sides[0].measured, sides[1].measured), nil
}

func (o *AlternateOptions) alternate(ctx context.Context, sides []*side) error {
	webhooks, err := NewWebhooks(WebhookOptions{Host: "bellhop.test", Shops: []string{mainShop}, Secret: sides[0].secret,
		Seed: 1, Now: time.Now()})
	if err != nil {
		return err
	}
	for _, s := range sides {
		if _, err := versionOf(ctx, s.Binary); err != nil {
			return err
		}
		if err := s.prepare(ctx); err != nil {
			return err
		}
	}
	for n := range o.Times {
		o.Progress("time %d of %d", n+1, o.Times)
		for i := range sides {
			s := sides[(i+n)%2] // a machine that drifts hurts both alike
			if err := s.record(ctx, webhooks.again(firstOrder, 0), int64(o.Orders)); err != nil {
				return err
			}
		}
	}
	return nil
}

// side is one of the programs, with the data that its measurements begin with.
type side struct {
	*bench
	base string // name of the database; "" with SQLite
}

func (s *side) prepare(ctx context.Context) error {
	s.data.empty = filepath.Join(s.dir, "base")
	if err := os.MkdirAll(s.data.empty, 0o777); err != nil {
		return err
	}
	env := []string{"BELLHOP_DIR=" + s.data.empty}
	if s.Postgres != "" {
		var err error
		if s.base, err = s.newDatabase(ctx, "template0"); err != nil {
			return err
		}
		env = append(env, s.databaseSetting(s.base))
	}
	if err := s.setUp(ctx, env, []string{mainShop}, nil); err != nil {
		return err
	}
	server, err := s.serve(ctx, s.data.empty, env, "--no-worker")
	if err != nil {
		return err
	}
	defer server.kill()
	return errors.Join(s.addDevicesTo(ctx, server, env, []string{mainShop}, 1), server.stop())
}

// record takes and records so many webhooks as fast as the program can.
func (s *side) record(ctx context.Context, w *Webhooks, orders int64) error {
	dir, err := s.copyOf(s.data.empty)
	if err != nil {
		return err
	}
	defer s.discard(dir)
	var env []string
	if s.base != "" {
		database, err := s.newDatabase(ctx, s.base)
		if err != nil {
			return err
		}
		defer s.dropDatabases(context.WithoutCancel(ctx), database)
		env = append(env, s.databaseSetting(database))
	}
	server, err := s.serve(ctx, dir, env)
	if err != nil {
		return err
	}
	defer server.kill()
	before, err := usageOf(server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	tally, err := Load{Target: server.addr, Requests: w.For, Connections: s.Connections, Count: orders}.Run(ctx)
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
	s.noteCPU(keyRecordCPU, server.child, before, recorded)
	s.add(keyRecordedRate, float64(recorded)/took.Seconds())
	s.ms(keyAcceptP99, tally.Latency.At(99))
	return server.stop()
}

func (s *side) tidyAll() error {
	if s.Postgres == "" {
		return nil
	}
	return s.tidy()
}

func changes(before, after measured) (all []Change) {
	for _, f := range []struct {
		key, title string
		unit       Unit
	}{
		{keyRecordCPU, "CPU an order", Microseconds}, {keyRecordedRate, "recorded", PerSecond},
		{keyAcceptP99, "accepted: p99", Milliseconds},
	} {
		all = append(all, Change{f.title, f.unit, quartile(before.values[f.key]), quartile(after.values[f.key])})
	}
	return all
}
