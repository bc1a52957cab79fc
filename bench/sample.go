package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/internal/results"
)

// compareWarmup is loaded before each measurement and not measured.
const compareWarmup = time.Second

// shopOrders are recorded before an owner lists them.
const shopOrders = 2000

// shops are enough to keep each device within its budget at the highest rate.
func (c *comparing) shops() []string {
	most := max(c.o.MaxRate, slices.Max(c.o.Rates))
	return shopNames("compare", int(most*(compareWarmup+c.o.Duration).Seconds())/perDevice+1)
}

// prepareShops makes the data of which each measurement takes a copy, by bellhop's
// own commands and API.
func (c *comparing) prepareShops(ctx context.Context) (err error) {
	c.base = base{dir: filepath.Join(c.dir, "base"), owners: []string{ownerEmail}, operator: operator,
		shops: append(shopsWith(1, c.shops()...), shop{domain: mainShop})}
	c.data.empty = c.base.dir
	if c.backends.postgres != "" {
		if c.base.database, err = c.newDatabase(ctx, "template0"); err != nil {
			return err
		}
	}
	return c.fill(ctx, c.base, func(s *server) error {
		if err := c.accept(ctx, s, []string{mainShop}, shopOrders); err != nil {
			return err
		}
		_, err := s.drained(ctx)
		return err
	})
}

// command is what serves in a mode.
func (c *comparing) command(m results.Mode) (program string, args []string) {
	if m == results.Queued {
		return c.Binary, []string{"serve"}
	}
	args = []string{"inline", "--pool", strconv.Itoa(c.o.Pool), "--waiting", strconv.Itoa(c.o.Waiting)}
	if pool := m.BackgroundPool(); pool > 0 {
		args[2] = strconv.Itoa(pool)
		args = append(args, "--background")
	}
	return c.self, args
}

// serveIn serves in a mode.
func (c *comparing) serveIn(ctx context.Context, m results.Mode, dir string, env []string) (*server, error) {
	program, args := c.command(m)
	return c.serveBy(ctx, program, dir, env, args...)
}

// drainLimit bounds how long a mode takes to drain: one that works in the background may have
// almost all still before it.
func (c *comparing) drainLimit(m results.Mode, rate float64) time.Duration {
	pool := m.BackgroundPool()
	if pool == 0 {
		return drainLimit
	}
	orders := rate * (compareWarmup + c.o.Duration).Seconds()
	return drainLimit + time.Duration(orders/c.c.Settings.Capacity(pool)*float64(time.Second))
}

// sample measures a mode at a rate; at 0, owners' requests alone.
func (c *comparing) sample(ctx context.Context, m results.Mode, rate float64) (s results.Sample, err error) {
	what := fmt.Sprintf("%s at %s webhooks/s", m, results.Rate(rate))
	if rate == 0 {
		what = fmt.Sprintf("%s without webhooks", m)
	}
	var faults []string
	if c.o.Faults != "" {
		faults = []string{"--faults", c.o.Faults}
	}
	watch := watchOthers()
	err = c.within(ctx, what, m, faults, func(t target, fcm *twin) error {
		srv, err := c.serveIn(ctx, m, t.dir, append(t.env, fcm.push))
		if err != nil {
			return err
		}
		run := &attack{comparing: c, Sample: results.Sample{Mode: m}, rate: rate, srv: srv, fcm: fcm}
		err = srv.during(func(*server) error { return run.measure(ctx) })
		s = run.Sample
		return err
	})
	s.Others = watch.others(c.c.Machine.Cores)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return s, err
}

// within runs fn with a copy of the data and a push service of its own.
func (c *comparing) within(ctx context.Context, what string, m results.Mode, faults []string,
	fn func(target, *twin) error) (err error) {
	c.progress(what)
	defer func(began time.Time) { c.took(time.Since(began)) }(time.Now())
	t, err := c.newTarget(ctx, m)
	defer func() { err = errors.Join(err, t.remove(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	fcm, err := c.twin(ctx, c.o.PushLatency, faults...)
	if err != nil {
		return err
	}
	return fcm.during(func(*server) error { return fn(t, fcm) })
}

// attack is one measurement under way: webhooks at a rate beside requests of owners.
type attack struct {
	*comparing
	results.Sample
	rate     float64
	srv      *server
	fcm      *twin
	before   usage
	webhooks *Webhooks
	tally    *Tally
}

func (a *attack) measure(ctx context.Context) error {
	token, err := a.srv.signIn(ctx, ownerEmail, a.password)
	if err == nil {
		err = a.load(ctx, token)
	}
	if err == nil && a.rate > 0 {
		err = a.finish(ctx)
	}
	a.account()
	return err
}

// load sends webhooks and owners' requests at their rates.
func (a *attack) load(ctx context.Context, token string) error {
	a.before, _ = usageOf(a.srv.cmd.Process.Pid)
	group, ctx := errgroup.WithContext(ctx)
	if a.rate > 0 {
		keep := int(a.rate*(compareWarmup+a.o.Duration).Seconds()) + 1
		w, err := a.comparing.webhooks(a.shops(), keep)
		if err != nil {
			return err
		}
		a.webhooks = w
		group.Go(func() (err error) {
			a.tally, err = a.arrive(a.srv.addr, w, a.rate).Run(ctx)
			return err
		})
	}
	var owners *Tally
	group.Go(func() (err error) {
		owners, err = Load{Target: a.srv.addr, Requests: a.srv.listOrders(token), Connections: 4, MaxConnections: 512,
			Rate: a.o.OwnersRate, Warmup: compareWarmup, Duration: a.o.Duration, OKOnly: true}.Run(ctx)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	a.Owners, a.OwnersFailed = latenciesOf(owners.Latency), owners.Failed()
	if t := a.tally; t != nil {
		a.Offered = float64(t.Sent) / (compareWarmup + a.o.Duration).Seconds()
		a.Sent, a.OK = t.Sent, t.OK()
		for _, n := range t.Failures {
			a.Unanswered += n
			for range n {
				t.Latency.Add(shopifyTimeout) // at least: no answer must not look fast
			}
		}
		a.Refused = t.Failed() - a.Unanswered
		a.Webhooks = latenciesOf(t.Latency)
		if late := t.Lateness.At(50); late > 10*time.Millisecond {
			a.problemf("half of the webhooks were sent %v after they were due: this machine can't make so many",
				late.Round(time.Millisecond))
		}
	}
	return nil
}

// arrive is webhooks at a rate.
func (c *comparing) arrive(addr string, w *Webhooks, rate float64) Load {
	return Load{Target: addr, Requests: w.For, Connections: 16, MaxConnections: 2048, Rate: rate,
		Warmup: compareWarmup, Duration: c.o.Duration, Timeout: shopifyTimeout, OKOnly: true}
}

// shopifyTimeout is how long Shopify waits for an answer.
const shopifyTimeout = 5 * time.Second

func (a *attack) problemf(format string, args ...any) {
	a.Problems = append(a.Problems, fmt.Sprintf(format, args...))
}

// finish waits until bellhop has recorded and pushed all that it accepted, and takes
// in the push service's arrivals.
func (a *attack) finish(ctx context.Context) error {
	recorded, err := a.srv.drainedWithin(ctx, a.drainLimit(a.Mode, a.rate))
	if err != nil {
		return err
	}
	drained := time.Now()
	a.Recorded = recorded - shopOrders
	if a.Recorded < a.OK {
		a.problemf("%d webhooks were acknowledged and %d orders recorded", a.OK, a.Recorded)
	}
	if err := a.fcm.untilTaken(ctx, a.OK); err != nil && a.o.Faults == "" {
		a.problemf("%v", err)
	}
	n, err := a.fcm.notified(ctx, a.webhooks, a.tally.Began.Add(compareWarmup))
	if err != nil {
		return err
	}
	for range n.gathered {
		a.problemf("a push stood for several orders, so that its time is not known")
	}
	end := a.tally.Ended
	if a.Mode == results.Inline || n.last.After(drained) {
		drained = n.last
	}
	a.Notified, a.Notify, a.Drain = int64(len(n.orders)), latenciesOf(n.took), max(0, drained.Sub(end))
	return nil
}

// account takes in bellhop's use of the machine.
func (a *attack) account() {
	pid := a.srv.cmd.Process.Pid
	if after, err := usageOf(pid); err == nil {
		a.CPU, a.Written = after.CPU-a.before.CPU, after.Written-a.before.Written
	}
	if _, most, err := resident(pid); err == nil {
		a.Memory = most
	}
	a.Problems = unique(a.Problems)
}

// unique keeps the first of each, and how many there were.
func unique(all []string) (out []string) {
	seen := map[string]int{}
	for _, s := range all {
		if seen[s]++; seen[s] == 1 {
			out = append(out, s)
		}
	}
	for i, s := range out {
		if n := seen[s]; n > 1 {
			out[i] = fmt.Sprintf("%s (%d times)", strings.TrimSuffix(s, "."), n)
		}
	}
	return out
}

// plain floods a plain handler and inline in turn, which have as large a pool.
func (c *comparing) plain(ctx context.Context) error {
	c.c.Plain = &results.PlainCheck{}
	for range c.o.Repeats {
		plain, err := c.floodInline(ctx, "plain", "--pool", strconv.Itoa(c.o.Pool))
		if err != nil {
			return err
		}
		_, command := c.command(results.Inline)
		inline, err := c.floodInline(ctx, command...)
		if err != nil {
			return err
		}
		c.c.Plain.Plain, c.c.Plain.Inline = append(c.c.Plain.Plain, plain), append(c.c.Plain.Inline, inline)
	}
	return nil
}

// floodInline returns how many webhooks a second are handled when twice as many
// come at once as there are places.
func (c *comparing) floodInline(ctx context.Context, command ...string) (rate float64, err error) {
	w, err := c.webhooks(c.shops(), 0)
	if err != nil {
		return 0, err
	}
	err = c.within(ctx, "what the pool serves, "+command[0], results.Inline, nil, func(t target, fcm *twin) error {
		addr, err := freeAddress()
		if err != nil {
			return err
		}
		srv, err := c.start(ctx, c.self, append(t.env, fcm.push, "BELLHOP_ADDR="+addr, "BELLHOP_DIR="+t.dir), command...)
		if err != nil {
			return err
		}
		defer srv.kill()
		if err := srv.listening(ctx, addr); err != nil {
			return err
		}
		tally, err := Load{Target: addr, Requests: w.For, Connections: 2 * c.o.Pool, Warmup: compareWarmup,
			Duration: min(c.o.Duration, 4*time.Second)}.Run(ctx)
		if err != nil {
			return err
		}
		if n := tally.Failed(); n > 0 {
			c.c.Problems = append(c.c.Problems, fmt.Sprintf("%d of %d webhooks failed when %s was flooded", n, tally.Sent,
				command[0]))
		}
		rate = tally.Rate()
		return srv.stop()
	})
	return rate, err
}
