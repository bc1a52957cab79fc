// Package cost computes the monthly cost of each way to run bellhop, by orders a
// day: from prices of a dated file, and from measured requests and milliseconds an
// order.
package cost

import (
	"math"

	"bellhop"
	"bellhop/bench"
	"bellhop/bench/prices"
)

// How long the month of a bill is.
const (
	daysAMonth    = 30
	secondsADay   = 24 * 60 * 60
	secondsAMonth = daysAMonth * secondsADay
)

// Options are the assumptions behind the costs, and flags of bellhop-bench cost. A
// field's zero value means its default.
type Options struct {
	Prices   *prices.Table `kong:"-"`
	Measured *Measured     `kong:"-"`

	PeakFactor float64 `name:"peak-factor" default:"20" placeholder:"N" help:"How many times busier your busiest second is than the mean one (${default})."`
	// as docs/threshold.md has them, for two cores
	OneHolds  float64 `name:"one-holds" default:"5000" placeholder:"N" help:"The orders a second of a machine with everything in one process (${default}); see bellhop-bench compare."`
	ApartHold float64 `name:"apart-hold" default:"2500" placeholder:"N" help:"The orders a second of a machine with Postgres and RabbitMQ (${default})."`
	Slowdown  float64 `name:"slowdown" default:"1" placeholder:"N" help:"How many times slower functions run on Lambda than here: up to 7, as 256 MB get a seventh of a core (${default})."`
	KeptDays  float64 `name:"keep-days" default:"365" placeholder:"N" help:"How many days to keep orders (${default})."`
	SentBytes float64 `name:"sent-bytes" default:"4096" placeholder:"N" help:"How many bytes an order sends to the internet (${default})."`
	LogBytes  float64 `name:"log-bytes" default:"700" placeholder:"N" help:"How many bytes an invocation logs (${default})."`
	NoFree    bool    `name:"no-free-tier" help:"Leave free tiers out."`
}

func (o *Options) defaults() error {
	if o.Prices == nil {
		o.Prices = prices.Today()
	}
	if o.Measured == nil {
		o.Measured = Default()
	}
	for _, f := range []struct {
		name    string
		value   *float64
		usual   float64
		atLeast float64
		atMost  float64
	}{
		{"peak-factor", &o.PeakFactor, 20, 1, secondsADay},
		{"one-holds", &o.OneHolds, 5000, 0.1, 1e6},
		{"apart-hold", &o.ApartHold, 2500, 0.1, 1e6},
		{"keep-days", &o.KeptDays, 365, 1, 36500},
		{"sent-bytes", &o.SentBytes, 4096, 1, 1e7},
		{"log-bytes", &o.LogBytes, 700, 1, 1e6},
		{"slowdown", &o.Slowdown, 1, 0.01, 100},
	} {
		if *f.value == 0 {
			*f.value = f.usual
		}
		if !(*f.value >= f.atLeast && *f.value <= f.atMost) {
			return bellhop.Invalidf("cost", "--%s %v makes no sense: give %v to %v", f.name, *f.value, f.atLeast, f.atMost)
		}
	}
	if o.NoFree {
		o.Prices = o.Prices.WithoutFree()
	}
	return nil
}

// Item is one line of a bill.
type Item struct {
	What    string  `json:"what"`
	Dollars float64 `json:"dollars"`
}

// Bill is the monthly cost of a way.
type Bill struct {
	Way   string  `json:"way"`
	Items []Item  `json:"items"`
	Total float64 `json:"total"`
}

func (b *Bill) add(what string, dollars float64) {
	if dollars == 0 {
		return
	}
	b.Items = append(b.Items, Item{what, dollars})
	b.Total += dollars
}

// way is one way to run bellhop.
type way struct {
	name string
	bill func(*month, *Bill)
}

// The ways, from the simplest on.
var ways = []way{
	{"one VM", func(m *month, b *Bill) {
		b.add("machines", m.machines(m.o.OneHolds))
		b.add("disk", m.o.Prices.Disk.Of(baseGB+m.keptGB()))
	}},
	{"VM + Postgres", func(m *month, b *Bill) { m.worker(b); m.postgres(b) }},
	{"VM + Postgres + own RabbitMQ", func(m *month, b *Bill) {
		m.worker(b)
		m.postgres(b)
		b.add("machine of RabbitMQ", m.machines(m.o.ApartHold)+m.o.Prices.Disk.Of(baseGB))
	}},
	{"VM + Postgres + managed RabbitMQ", func(m *month, b *Bill) {
		m.worker(b)
		m.postgres(b)
		b.add("managed RabbitMQ", m.o.Prices.RabbitMQ.Dollars)
	}},
	{"SQS + worker on a VM", func(m *month, b *Bill) {
		m.worker(b)
		m.postgres(b)
		m.sqs(b, "direct", secondsAMonth/pollSeconds)
	}},
	{"SQS + Lambda", func(m *month, b *Bill) { m.serverless(b, "direct") }},
	{"SQS + Lambda + Express", func(m *month, b *Bill) { m.serverless(b, "express") }},
	{"SQS + Lambda + Standard", func(m *month, b *Bill) { m.serverless(b, "standard") }},
}

// Resources that don't depend on traffic, as in deploy/aws/bellhop.yaml.
const (
	baseGB      = 20.0 // of each disk
	pollSeconds = 20.0 // the time of a receive that finds nothing
	pollers     = 5.0  // that Lambda keeps
	secrets     = 3.0
	alarms      = 23.0 // metrics
	sweepMS     = 30.0 // how long the sweep takes each minute; an assumption
)

// month is a month's orders with the assumptions behind them.
type month struct {
	o      *Options
	perDay float64
}

func (m *month) orders() float64 { return m.perDay * daysAMonth }
func (m *month) mean() float64   { return m.perDay / secondsADay }
func (m *month) peak() float64   { return m.mean() * m.o.PeakFactor }
func (m *month) keptGB() float64 { return m.perDay * m.o.KeptDays * m.o.Measured.KeptBytes / 1e9 }

// machines costs as many small machines, or a machine as many times as large, as
// the peak asks for.
func (m *month) machines(holds float64) float64 {
	return max(1, math.Ceil(m.peak()/holds)) * m.o.Prices.VM.Dollars
}

func (m *month) worker(b *Bill) {
	b.add("machines", m.machines(m.o.ApartHold))
	b.add("disk", m.o.Prices.Disk.Of(baseGB))
}

// postgres takes the small one up to half the rate that two cores held, and then a
// larger one.
func (m *month) postgres(b *Bill) {
	p := m.o.Prices.PostgresSmall.Dollars
	if m.peak() > m.o.ApartHold/2 {
		p = math.Ceil(m.peak()/m.o.ApartHold) * m.o.Prices.PostgresLarge.Dollars
	}
	b.add("managed Postgres", p)
	b.add("its disk", m.o.Prices.PostgresDisk.Of(baseGB+m.keptGB()))
}

// sqs bills the requests of a mode's orders, and those that find nothing.
func (m *month) sqs(b *Bill, mode string, idle float64) {
	u := m.o.Measured.at(mode, m.mean())
	b.add("SQS", m.o.Prices.SQSRequest.Of(u.requests*m.orders()+idle)+m.o.Prices.SQSFairMessage.Of(m.orders()))
}

func (m *month) serverless(b *Bill, mode string) {
	p, u := m.o.Prices, m.o.Measured.at(mode, m.mean())
	m.postgres(b)
	m.sqs(b, mode, pollers*secondsAMonth/pollSeconds)
	sweeps := secondsAMonth / 60.0
	invocations := u.invocations*m.orders() + sweeps
	b.add("Lambda", p.LambdaRequest.Of(invocations)+p.LambdaGBSecond.Of(
		(u.billedMS*m.orders()+sweepMS*sweeps)/1000*bench.MemoryGB*m.o.Slowdown))
	switch mode {
	case "express":
		b.add("Step Functions", p.ExpressRequest.Of(u.executions*m.orders())+p.ExpressGBSecond.Of(
			u.steps*m.o.Slowdown*0.1*bench.ExpressGB*m.orders()))
	case "standard":
		b.add("Step Functions", p.StandardTransition.Of(u.transitions*m.orders()))
	}
	b.add("logs", p.Logs.Of(invocations*m.o.LogBytes/1e9))
	b.add("secrets and alarms", p.Secret.Of(secrets)+p.Alarm.Of(alarms))
}

// of returns the bill of a way for orders a day.
func (w way) of(o *Options, perDay float64) Bill {
	b := Bill{Way: w.name}
	m := &month{o, perDay}
	w.bill(m, &b)
	b.add("transfer", o.Prices.Transfer.Of(m.orders()*o.SentBytes/1e9))
	return b
}
