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
	hoursAMonth   = daysAMonth * 24
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
	OneHolds  float64 `name:"one-holds" default:"4200" placeholder:"N" help:"The orders a second of a machine with everything in one process (${default}); see bellhop-bench compare."`
	ApartHold float64 `name:"apart-hold" default:"2500" placeholder:"N" help:"The orders a second of a machine with Postgres and RabbitMQ (${default})."`
	Slowdown  float64 `name:"slowdown" default:"6.9" placeholder:"N" help:"How many times slower functions compute on Lambda than here, where they have a whole core (${default}: with 256 MB of the 1,769 that have one)."`
	OrderCPU  float64 `name:"order-cpu" default:"2.5" placeholder:"MS" help:"The milliseconds of a core that an order takes in bellhop, owners' requests included, and as many in a database of its own (${default})."`
	Reads     float64 `name:"reads" default:"2" placeholder:"N" help:"Owners' requests an order (${default})."`
	BaseBytes float64 `name:"database-bytes" default:"16384" placeholder:"N" help:"How many bytes an order moves between bellhop and its database (${default})."`
	IdleKept  float64 `name:"idle-kept" default:"10" placeholder:"MIN" help:"How many minutes without work Lambda keeps a function; AWS does not say (${default})."`
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
		{"one-holds", &o.OneHolds, 4200, 0.1, 1e6},
		{"apart-hold", &o.ApartHold, 2500, 0.1, 1e6},
		{"keep-days", &o.KeptDays, 365, 1, 36500},
		{"sent-bytes", &o.SentBytes, 4096, 1, 1e7},
		{"log-bytes", &o.LogBytes, 700, 1, 1e6},
		{"slowdown", &o.Slowdown, 6.9, 0.01, 100},
		{"order-cpu", &o.OrderCPU, 2.5, 0.01, 1000},
		{"reads", &o.Reads, 2, 0.01, 1000},
		{"database-bytes", &o.BaseBytes, 16384, 1, 1e7},
		{"idle-kept", &o.IdleKept, 10, 0.1, 1e4},
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

// The ways, from the simplest on. Each has what owners need: a server for API and console, and a
// database.
var ways = []way{
	{"one VM", func(m *month, b *Bill) {
		m.machines(b, m.o.OneHolds)
		b.add("disk", m.o.Prices.Disk.Of(baseGB+m.keptGB()))
		b.add("snapshots", m.o.Prices.Snapshot.Of(systemGB+m.keptGB()))
	}},
	{reference, func(m *month, b *Bill) { m.worker(b); m.postgres(b) }},
	{"VM + Postgres + own RabbitMQ", func(m *month, b *Bill) {
		m.worker(b)
		m.postgres(b)
		p := m.o.Prices
		b.add("machine of RabbitMQ", m.many(m.o.ApartHold)*p.VM.Dollars+p.Disk.Of(baseGB))
	}},
	{"VM + Postgres + managed RabbitMQ", func(m *month, b *Bill) {
		m.worker(b)
		m.postgres(b)
		b.add("managed RabbitMQ", m.o.Prices.RabbitMQ.Dollars)
	}},
	{"SQS + worker on a VM", func(m *month, b *Bill) {
		m.worker(b)
		m.postgres(b)
		m.sqs(b, "direct", secondsAMonth/pollSeconds, m.orders())
	}},
	{serverlessWay, func(m *month, b *Bill) { m.serverless(b, "direct", byURL) }},
	{"SQS + Lambda + Express", func(m *month, b *Bill) { m.serverless(b, "express", byURL) }},
	{"SQS + Lambda + Standard", func(m *month, b *Bill) { m.serverless(b, "standard", byURL) }},
}

// reference is the way that others are compared with: a server and a database, no more.
const reference = "VM + Postgres"

// serverlessWay is the way that entries are compared with.
const serverlessWay = "SQS + Lambda"

// Resources that don't depend on traffic, as in deploy/aws/bellhop.yaml.
const (
	baseGB      = 20.0 // of each disk
	systemGB    = 2.0  // of them, on a machine of one's own
	pollSeconds = 20.0 // the time of a receive that finds nothing
	pollers     = 5.0  // that Lambda keeps
	secrets     = 6.0  // the database's own included
	alarms      = 29.0 // metrics
	urlAlarms   = 3.0  // of them: of accept, gone with its URL
	metrics     = 4.0  // of bellhop's own
	dashboards  = 1.0
	backupDays  = 7
	sweepMS     = 30.0 // how long the sweep takes each minute; an assumption
)

// The server for API and console beside functions, a t4g.nano behind CloudFront with a private
// address alone.
const (
	serverGB  = 8.0
	serverCPU = 0.1 // vCPUs that it has all the time; beyond, its credits are "standard" and cost nothing
	readCPU   = 3.0 // milliseconds of one of owners' requests; an assumption
)

// vCPUs that burstable machines have all the time, and that cost extra beyond
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html).
const (
	vmCPU       = 0.4 // t3.small
	smallBase   = 0.2 // db.t4g.micro
	largeBase   = 0.4 // db.t4g.medium
	acrossZones = 0.5 // of what functions in two zones say to a database in one
)

// fewStarts is the least share of invocations that start a function: AWS finds fewer
// (https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase).
const fewStarts = 0.01

// month is a month's orders with the assumptions behind them.
type month struct {
	o      *Options
	perDay float64
}

func (m *month) orders() float64 { return m.perDay * daysAMonth }
func (m *month) mean() float64   { return m.perDay / secondsADay }
func (m *month) peak() float64   { return m.mean() * m.o.PeakFactor }
func (m *month) keptGB() float64 { return m.perDay * m.o.KeptDays * m.o.Measured.KeptBytes / 1e9 }

// many is how many small machines, or how many times as large a machine, the peak asks for.
func (m *month) many(holds float64) float64 { return max(1, math.Ceil(m.peak()/holds)) }

// credits costs the processor time of orders beyond a baseline, in vCPUs.
func (m *month) credits(baseline float64, p prices.Price) float64 {
	return p.Of(max(0, m.mean()*m.o.OrderCPU/1000-baseline) * hoursAMonth)
}

// machines are one's own, with an address.
func (m *month) machines(b *Bill, holds float64) {
	n, p := m.many(holds), m.o.Prices
	b.add("machines", n*p.VM.Dollars)
	b.add("CPU credits", m.credits(n*vmCPU, p.VMCredit))
	b.add("address", p.Address.Dollars)
}

func (m *month) worker(b *Bill) {
	m.machines(b, m.o.ApartHold)
	b.add("disk", m.o.Prices.Disk.Of(baseGB))
}

// postgres takes the small one up to half the rate that two cores held, and then a
// larger one. Its backups cost nothing up to the size of its disk.
func (m *month) postgres(b *Bill) {
	p := m.o.Prices
	dollars, baseline := p.PostgresSmall.Dollars, smallBase
	if m.peak() > m.o.ApartHold/2 {
		n := m.many(m.o.ApartHold)
		dollars, baseline = n*p.PostgresLarge.Dollars, n*largeBase
	}
	b.add("managed Postgres", dollars)
	b.add("its CPU credits", m.credits(baseline, p.PostgresCredit))
	b.add("its disk", p.PostgresDisk.Of(baseGB+m.keptGB()))
}

// sqs bills the requests of a mode's orders, those that find nothing, and messages with a group.
func (m *month) sqs(b *Bill, mode string, idle, fair float64) {
	u := m.o.Measured.at(mode, m.mean())
	b.add("SQS", m.o.Prices.SQSRequest.Of(u.requests*m.orders()+idle)+m.o.Prices.SQSFairMessage.Of(fair))
}

func (m *month) serverless(b *Bill, mode string, by entry) {
	p, u := m.o.Prices, m.o.Measured.at(mode, m.mean())
	fair, webhooks, watched := m.orders(), 0.0, alarms
	switch by {
	case byURL:
		webhooks = 1
	case byEventBridge:
		u, fair, watched = u.withoutAccept(), 0, alarms-urlAlarms // its rule names no group
		b.add("EventBridge", p.PartnerEvent.Of(m.orders()))
	case byOwnServer:
		u = u.withoutAccept() // which stays, and costs nothing while nobody calls it
	}
	m.postgres(b)
	m.server(b, webhooks)
	m.sqs(b, mode, pollers*secondsAMonth/pollSeconds, fair)
	sweeps := secondsAMonth / 60.0
	invocations := u.invocations*m.orders() + sweeps
	run := (u.slowed(m.o.Slowdown)*m.orders() + sweepMS*m.o.Slowdown*sweeps) / 1000 * bench.MemoryGB
	starts := m.starts() * u.invocations * m.orders() * m.o.Measured.InitMS * m.o.Slowdown / 1000 * bench.MemoryGB
	b.add("Lambda", p.LambdaRequest.Of(invocations)+p.LambdaGBSecond.Of(run))
	b.add(starting, p.LambdaGBSecond.Of(run+starts)-p.LambdaGBSecond.Of(run))
	switch mode {
	case "express":
		b.add("Step Functions", p.ExpressRequest.Of(u.executions*m.orders())+p.ExpressGBSecond.Of(
			u.slowedSteps(m.o.Slowdown)*0.1*bench.ExpressGB*m.orders()))
	case "standard":
		b.add("Step Functions", p.StandardTransition.Of(u.transitions*m.orders()))
	}
	b.add("traffic between zones", p.Zones.Of(acrossZones*m.o.BaseBytes*m.orders()/1e9))
	b.add("logs", p.Logs.Of(invocations*m.o.LogBytes/1e9))
	b.add("secrets, alarms, dashboard", p.Secret.Of(secrets)+p.Alarm.Of(watched)+p.Metric.Of(metrics)+
		p.Dashboard.Of(dashboards))
}

// starting is the line of what functions take to start.
const starting = "starts of functions"

// starts is the share of invocations that find no function that runs: one that had nothing to do
// for a while is gone, and others come and go.
func (m *month) starts() float64 { return max(fewStarts, math.Exp(-m.mean()*m.o.IdleKept*60)) }

// server is for API and console, and as many times as large as owners' requests ask for. CloudFront
// before it takes so many webhooks an order, too.
func (m *month) server(b *Bill, webhooks float64) {
	p := m.o.Prices
	n := max(1, math.Ceil(m.mean()*m.o.Reads*readCPU/1000/serverCPU))
	b.add("server", n*(p.Server.Dollars+p.Disk.Of(serverGB)))
	b.add("CloudFront", p.CloudFront.Of((webhooks+m.o.Reads)*m.orders()))
}

// of returns the bill of a way for orders a day.
func (w way) of(o *Options, perDay float64) Bill {
	b := Bill{Way: w.name}
	m := &month{o, perDay}
	w.bill(m, &b)
	b.add("transfer", o.Prices.Transfer.Of(m.orders()*o.SentBytes/1e9))
	return b
}
