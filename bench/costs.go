package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/bench/prices"
	"bellhop/internal/results"
	"bellhop/internal/wait"
)

// Cost is the use of AWS by orders at a rate.
type Cost struct {
	Mode string  `json:"mode"`              // direct, express, standard
	Rate float64 `json:"orders_per_second"` // at which they come
	// How is "counted" when the functions ran as processes and every request was
	// counted, "modelled" when this machine can't keep up: batches as a model of
	// the event source mapping makes them, functions as long as they took one
	// after the other.
	How string `json:"how"`
	// Overrun says that the template's consumers can't keep up with the rate: the
	// queue grows while orders come so fast, and its batches are full.
	Overrun bool `json:"overrun,omitempty"`
	*Account
	Dollars float64 `json:"dollars_per_million_orders"`
}

// The ways to know a cost.
const (
	counted  = "counted"
	modelled = "modelled"
)

// The rates at which orders come. Up to countedRate real processes carry them.
const (
	slowRate    = 1.0
	countedRate = 100.0
	fastRate    = 1000.0
)

// tooFarBehind is when a machine has not held a rate: its batches are fuller than
// those of one that does.
const tooFarBehind = time.Second

// modelledTime is how long orders come in a model.
const modelledTime = time.Minute

// samples is how often a function is invoked to know how long it takes, with
// a batch of one and with a full one.
const samples = 10

// warmups is how many webhooks a cloud is warmed up with.
const warmups = 20

// slowTime is how long orders come that come slowly.
func (b *bench) slowTime() time.Duration { return 10 * b.Duration }

// cloudShops are as many as it takes for no device to be over its budget.
func (b *bench) cloudShops() []string {
	orders := warmups + samples*(1+templateBatch) + int(slowRate*b.slowTime().Seconds()+countedRate*b.Duration.Seconds())
	return shopNames("cloud", orders/perDevice+1)
}

// measureCosts carries orders by the functions deployed on AWS, in each way of
// composing them, and counts all that AWS bills.
func (b *bench) measureCosts(ctx context.Context) (err error) {
	var clouds []*cloud
	defer func() {
		for _, c := range clouds {
			err = errors.Join(err, c.close())
		}
	}()
	timed := map[mode]*timings{}
	for _, m := range modes {
		c, err := b.newCloud(ctx, m)
		if err != nil {
			return fmt.Errorf("start the functions, mode %s: %w", m, err)
		}
		clouds = append(clouds, c)
		if timed[m], err = c.sample(ctx, b); err != nil {
			return err
		}
	}
	if err := b.carrySlowly(ctx, clouds, timed); err != nil {
		return err
	}
	for _, c := range clouds {
		if err := b.carryFast(ctx, c, timed[c.mode]); err != nil {
			return err
		}
		b.addModel(c.mode, fastRate, timed[c.mode])
	}
	slices.SortStableFunc(b.costs, func(x, y Cost) int {
		return slices.Index(modes, mode(x.Mode)) - slices.Index(modes,
			mode(y.Mode))
	})
	return nil
}

// carrySlowly sends orders slowly to all clouds at once: none of them is busy.
func (b *bench) carrySlowly(ctx context.Context, clouds []*cloud, timed map[mode]*timings) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(len(clouds))
	apart := time.Duration(float64(time.Second) / slowRate / float64(len(clouds)))
	for i, c := range clouds {
		w, err := b.basicWebhooks(b.cloudShops())
		if err != nil {
			return err
		}
		group.Go(func() error {
			wait.Pause(ctx, time.Duration(i)*apart)
			a, _, err := c.carry(ctx, b, w, slowRate, b.slowTime())
			if err == nil {
				timed[c.mode].learn(a)
				b.addCost(Cost{Mode: string(c.mode), Rate: slowRate, How: counted, Account: a})
			}
			return err
		})
	}
	return group.Wait()
}

// carryFast sends orders as fast as real processes may hold; where they don't, the
// model takes their place.
func (b *bench) carryFast(ctx context.Context, c *cloud, p *timings) error {
	w, err := b.basicWebhooks(b.cloudShops())
	if err != nil {
		return err
	}
	a, behind, err := c.carry(ctx, b, w, countedRate, b.Duration)
	switch {
	case err != nil:
		return err
	case behind > tooFarBehind:
		b.addModel(c.mode, countedRate, p)
	default:
		b.addCost(Cost{Mode: string(c.mode), Rate: countedRate, How: counted, Account: a})
	}
	return nil
}

func (b *bench) addModel(m mode, rate float64, p *timings) {
	a, overrun := p.model(m, rate)
	b.addCost(Cost{Mode: string(m), Rate: rate, How: modelled, Overrun: overrun, Account: a})
}

func (b *bench) addCost(c Cost) {
	c.Dollars = 1e6 * c.dollars(prices.Today(), mode(c.Mode))
	b.costsMu.Lock()
	defer b.costsMu.Unlock()
	b.costs = append(b.costs, c)
}

// timings are how long the functions of a mode take when nothing else goes on.
type timings struct {
	consumer timing
	each     map[string]float64 // of the others, billed milliseconds
	steps    float64            // of an Express execution
}

// sample warms the functions up and learns how long the consumer takes for one
// message and for a full batch.
func (c *cloud) sample(ctx context.Context, b *bench) (*timings, error) {
	w, err := b.basicWebhooks(b.cloudShops())
	if err != nil {
		return nil, err
	}
	if _, err := c.load(ctx, b, Load{Requests: w.For, Connections: 1, Count: warmups}); err != nil {
		return nil, err
	}
	c.meter.reset()
	requests, orders := w.For(0), 0
	var took [2][]float64
	for i, n := range []int{1, templateBatch} {
		for range samples {
			r, err := b.invokeWith(ctx, c.functions[c.mode.consumer()], requests, n)
			if err != nil {
				return nil, err
			}
			took[i] = append(took[i], float64(r.Took))
			orders += n
			if err := c.meter.until(ctx, 0, c.executions(orders)); err != nil {
				return nil, err
			}
		}
	}
	one, all := results.MedianOf(took[0]), results.MedianOf(took[1])
	return &timings{consumer: timingOf(time.Duration(one), time.Duration(all), templateBatch)}, nil
}

// learn takes how long functions took from an account.
func (p *timings) learn(a *Account) {
	p.each = map[string]float64{}
	for name, n := range a.Invocations {
		p.each[name] = a.Billed[name] / float64(n)
	}
	if a.Executions > 0 {
		p.steps = float64(a.Steps) / float64(a.Executions)
	}
}

// model makes the account of orders that come at a rate.
func (p *timings) model(m mode, rate float64) (a *Account, overrun bool) {
	n := int(rate * modelledTime.Seconds())
	source := mapping{pollers: awsPollers, consumers: templateConsumers, batch: templateBatch, poll: awsPoll,
		took: p.consumer.of}
	polled := source.carry(rate, n)
	a = newAccount()
	a.Orders, a.Empty = n, polled.empty
	a.Requests["SendMessage"] = n
	a.Requests["ReceiveMessage"] = len(polled.batches) + polled.empty
	a.Requests["DeleteMessageBatch"] = len(polled.batches)
	for name, ms := range p.each {
		a.Invocations[name], a.Billed[name] = n, ms*float64(n)
	}
	consumer := m.consumer()
	a.Invocations[consumer], a.Billed[consumer] = len(polled.batches), 0
	for _, size := range polled.batches {
		a.Billed[consumer] += billed(p.consumer.of(size))
	}
	if m != modeDirect {
		a.Executions, a.Transitions, a.Steps = n, transitions*n, int(math.Round(p.steps*float64(n)))
	}
	return a, polled.behind > tooFarBehind
}

// costColumns are the functions, in the order in which an order meets them.
var costColumns = []string{"accept", "start", "record", "notify", "direct"}

// writeCosts writes a line for each mode and rate.
func (r *Results) writeCosts(w io.Writer) error {
	fmt.Fprintf(w, "\non AWS, by 1,000 orders (batches of up to %d, %d at once, as the template has it)\n", templateBatch,
		templateConsumers)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "mode\torders/s\t\tSQS: send\treceive\tof them empty\tdelete\t")
	for _, name := range costColumns {
		fmt.Fprint(t, name+"\t")
	}
	fmt.Fprintln(t, "billed ms\texecutions\t$ a million orders\t")
	for _, c := range r.Costs {
		c.write(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "prices of %s as of %s (bench/prices), without free tiers, logs, database and monthly prices;\n"+
		"%d MB a function, milliseconds as they took on this machine, FCM answering after %v, starts of processes left "+
		"out; an execution has %d transitions;\n"+
		"counted: functions as real processes, each request counted; modelled: batches as a model of the event source "+
		"mapping makes them\n",
		r.Prices.Region, r.Prices.AsOf, int(MemoryGB*1024), FCMLatency, transitions)
	return nil
}

func (c *Cost) write(w io.Writer) {
	by := func(n float64) string {
		return results.Grouped(int64(math.Round(1000 * n / float64(max(c.Orders, 1)))))
	}
	count := func(operation string) (n int) {
		for name, requests := range c.Requests {
			if strings.HasPrefix(name, operation) {
				n += requests
			}
		}
		return n
	}
	how := c.How
	if c.Overrun {
		how += ", the queue grows"
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t", c.Mode, results.Grouped(int64(c.Rate)), how,
		by(float64(count("Send"))), by(float64(count("Receive"))), by(float64(c.Empty)), by(float64(count("Delete"))))
	ms := 0.0
	for _, name := range costColumns {
		fmt.Fprint(w, by(float64(c.Invocations[name]))+"\t")
		ms += c.Billed[name]
	}
	fmt.Fprintf(w, "%s\t%s\t%.2f\t\n", by(ms), by(float64(c.Executions)), c.Dollars)
}
