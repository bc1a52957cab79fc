package cost

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"bellhop"
	"bellhop/bench"
	"bellhop/chart"
	"bellhop/internal/results"
)

// Report has the costs of all ways at several amounts of orders.
type Report struct {
	Rows      []Row      `json:"rows"`
	Crossings []Crossing `json:"crossings"`

	o *Options
}

// Row has the cost of each way for orders a day, in the order of the ways.
type Row struct {
	OrdersPerDay float64 `json:"orders_per_day"`
	Bills        []Bill  `json:"bills"`
}

// Crossing is the orders a day from which on one way costs less than another that
// was cheaper before.
type Crossing struct {
	OrdersPerDay float64 `json:"orders_per_day"`
	Cheaper      string  `json:"cheaper"`
	Than         string  `json:"than"`
}

// usual are the orders a day of the table.
var usual = []float64{100, 1000, 10_000, 100_000, 1e6, 1e7}

// The least and the most orders a day that a report looks at, and how many amounts
// it looks at in each power of ten.
const (
	least, most = 10.0, 1e7
	fine        = 400
)

// New works the costs out. own is the user's orders a day; 0 when not known.
func New(o Options, own float64) (*Report, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if own != 0 && !(own >= 1 && own <= most) {
		return nil, bellhop.Invalidf("cost", "--orders-per-day %v makes no sense: give 1 to %s", own, results.Rate(most))
	}
	r := &Report{o: &o}
	amounts := usual
	if own != 0 {
		amounts = append([]float64{own}, usual...)
	}
	for _, n := range amounts {
		r.Rows = append(r.Rows, row(&o, n))
	}
	r.cross()
	return r, nil
}

func row(o *Options, perDay float64) Row {
	out := Row{OrdersPerDay: perDay}
	for _, w := range tabled {
		out.Bills = append(out.Bills, w.of(o, perDay))
	}
	return out
}

// cross finds where each pair of ways changes places. The lines have steps, where
// one more machine comes; it leaves out crossings that reverse within a tenth.
func (r *Report) cross() {
	for i, a := range ways {
		for _, b := range ways[:i] {
			r.crossPair(a, b)
		}
	}
}

func (r *Report) crossPair(a, b way) {
	less := func(n float64) bool { return a.of(r.o, n).Total < b.of(r.o, n).Total }
	was := less(least)
	for k := 1; ; k++ {
		n := least * math.Pow(10, float64(k)/fine)
		if n > most {
			return
		}
		if is := less(n); is != was {
			if less(n*1.1) == is {
				c := Crossing{OrdersPerDay: n, Cheaper: a.name, Than: b.name}
				if !is {
					c.Cheaper, c.Than = b.name, a.name
				}
				r.Crossings = append(r.Crossings, c)
				was = is
			}
		}
	}
}

// cheapest is the way that costs least.
func (r Row) cheapest() Bill {
	best := r.Bills[0]
	for _, b := range r.Bills[1:] {
		if b.Total < best.Total {
			best = b
		}
	}
	return best
}

// Chart draws the lines, both axes by the logarithm.
func (r *Report) Chart() chart.Chart {
	c := chart.Chart{Title: "What a month costs", X: "orders a day", Y: "dollars a month", LogX: true, LogY: true}
	for _, w := range ways {
		s := chart.Series{Name: w.name}
		for e := 2.0; e <= 7; e += 0.25 {
			n := math.Pow(10, e)
			s.Points = append(s.Points, chart.Point{X: n, Y: w.of(r.o, n).Total})
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func dollars(v float64) string {
	if v >= 1000 {
		return "$" + results.Rate(v)
	}
	return fmt.Sprintf("$%.2f", v)
}

// about rounds a number of orders to two digits.
func about(n float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(n))-1)
	return results.Rate(math.Round(n/unit) * unit)
}

// Words says the dozen things that matter.
func (r *Report) Words() (all []string) {
	rows := r.Rows
	if rows[0].OrdersPerDay != usual[0] { // the user's own
		best := rows[0].cheapest()
		all = append(all, fmt.Sprintf("%s orders a day: %s is cheapest, at %s a month.", results.Rate(rows[0].OrdersPerDay),
			best.Way, dollars(best.Total)))
		rows = rows[1:]
	}
	for from := 0; from < len(rows); {
		first, to := rows[from].cheapest(), from
		for to+1 < len(rows) && rows[to+1].cheapest().Way == first.Way {
			to++
		}
		all = append(all, fmt.Sprintf("%s orders a day: %s is cheapest, at %s a month.", span(rows[from:to+1]), first.Way,
			dollarSpan(first.Total, rows[to].cheapest().Total)))
		from = to + 1
	}
	for _, c := range r.Crossings {
		if c.Cheaper == reference || c.Than == reference {
			all = append(all, fmt.Sprintf("From about %s orders a day on, %s costs less than %s.", about(c.OrdersPerDay),
				c.Cheaper, c.Than))
		}
	}
	return append(all, r.entryWords(), r.slowWords(), r.startWords(), r.creditWords())
}

func span(rows []Row) string {
	from, to := rows[0].OrdersPerDay, rows[len(rows)-1].OrdersPerDay
	if from == to {
		return results.Rate(from)
	}
	return results.Rate(from) + " to " + results.Rate(to)
}

func dollarSpan(from, to float64) string {
	if from == to {
		return dollars(from)
	}
	return dollars(from) + " to " + dollars(to)
}

// functions are the ways with functions, by the mode.
func functions() (all []way) {
	for _, w := range ways {
		if strings.Contains(w.name, "Lambda") {
			all = append(all, w)
		}
	}
	return all
}

// slowWords says what Lambda's slower cores cost.
func (r *Report) slowWords() string {
	const perDay = 1e6
	fast := *r.o
	fast.Slowdown = 1
	var each []string
	for _, w := range functions() {
		each = append(each, fmt.Sprintf("%s instead of %s by %s", dollars(w.of(r.o, perDay).Total),
			dollars(w.of(&fast, perDay).Total), w.name))
	}
	return fmt.Sprintf("Since functions compute %v times as long as on a whole core, %s orders a day cost %s.",
		r.o.Slowdown, results.Rate(perDay), strings.Join(each, ", "))
}

// startWords says what the starts of functions cost.
func (r *Report) startWords() string {
	var most Item
	way, at := "", 0.0
	for _, w := range functions() {
		for _, perDay := range usual {
			for _, i := range w.of(r.o, perDay).Items {
				if i.What == starting && i.Dollars > most.Dollars {
					most, way, at = i, w.name, perDay
				}
			}
		}
	}
	if way == "" {
		return "Starts of functions are within the free tier."
	}
	return fmt.Sprintf("AWS bills the starts of functions, too: at most %s in this table, of %s at %s orders a day.",
		dollars(most.Dollars), way, results.Rate(at))
}

// creditWords says from when on machines cost more than their price.
func (r *Report) creditWords() string {
	for n := least; n <= most; n *= math.Pow(10, 1.0/fine) {
		for _, w := range ways {
			for _, i := range w.of(r.o, n).Items {
				if strings.Contains(i.What, "CPU credits") {
					return fmt.Sprintf("From about %s orders a day on, %s needs more of the processor than its price has, and pays "+
						"for CPU credits.", about(n), w.name)
				}
			}
		}
	}
	return fmt.Sprintf("Up to %s orders a day no machine and no database needs more of the processor than its price has: "+
		"CPU credits cost nothing.", results.Rate(most))
}

// Assumed lists the assumptions behind the figures.
func (r *Report) Assumed() []string {
	o, p := r.o, r.o.Prices
	free := "with the free tiers"
	if o.NoFree {
		free = "without free tiers"
	}
	return []string{
		fmt.Sprintf("Prices of %s as of %s, %s; the source of each is in the file that --show-prices prints.", p.Region,
			p.AsOf, free),
		fmt.Sprintf("Each way has a server for API and console, and a database: a VM serves them itself, beside functions "+
			"stands a t4g.nano behind CloudFront. A VM has a public address, and one with the orders has snapshots of its "+
			"disk; a managed Postgres keeps %v days of backups, free up to the size of its disk. The stack on AWS has %v "+
			"secrets, %v metrics with alarms, %v of its own and a dashboard; a VM has none of them.", backupDays, secrets,
			alarms, metrics),
		fmt.Sprintf("Requests, invocations, milliseconds and bytes an order as bellhop-bench run counted them on "+
			"%s with %d cores on %s, at the mean rate of the day, with FCM answering after %v. What a function computes takes "+
			"%v times as long on AWS: Lambda has a vCPU at 1,769 MB (https://docs.aws.amazon.com/lambda/latest/dg/"+
			"configuration-memory.html), and these functions have %v. What it waits for FCM takes no longer.",
			o.Measured.CPU, o.Measured.Cores, o.Measured.At.Format("2 January 2006"), bench.FCMLatency, o.Slowdown,
			int(bench.MemoryGB*1024)),
		fmt.Sprintf("%s and %s are what was counted by %s, without accept. A rule of EventBridge gives "+
			"messages no group, which a fair queue would charge for; its sends to the queue are taken for billed as others "+
			"are. A server of one's own is there in any case. An order is one webhook or Event of up to %v KB; EventBridge "+
			"counts a larger one as often as it has %[4]v KB. CloudFront takes the webhooks of %[3]s, as by a name of the "+
			"stack's own; those that come to the function's own URL cost %[5]s a million less.",
			entries[0].name, entries[1].name, serverlessWay, partnerChunkKB, dollars(p.CloudFront.Dollars*1e6)),
		fmt.Sprintf("A start of a function takes %v ms here and that many times longer there, and AWS bills it "+
			"(https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase). Every %.0fth invocation "+
			"starts one, and each that comes after %v idle minutes, which is assumed.", o.Measured.InitMS, 1/fewStarts,
			o.IdleKept),
		fmt.Sprintf("The busiest second brings %v times the mean. Two cores hold %s orders a second with all in one "+
			"process, and %s with Postgres and RabbitMQ beside; beyond that as many machines, or as large ones, as it takes. "+
			"The small Postgres serves up to half of that. An order takes %v ms of a core in bellhop, and as much in its "+
			"database.",
			o.PeakFactor, results.Rate(o.OneHolds), results.Rate(o.ApartHold), o.OrderCPU),
		fmt.Sprintf("An order moves %v bytes between bellhop and its database (14,500 were counted on Postgres); half of "+
			"that crosses zones where functions run in two. Owners ask %v times an order.", o.BaseBytes, o.Reads),
		fmt.Sprintf("Assumed, not measured: %v bytes an order leave for the internet, an invocation logs %v bytes, orders "+
			"are kept %v days. FCM is free. Work is not counted, nor what an hour of outage costs: one VM has no second one.",
			o.SentBytes, o.LogBytes, o.KeptDays),
	}
}

// cells are those of the table, with its head.
func (r *Report) cells() [][]string {
	all := [][]string{{"a month, by orders a day"}}
	for _, way := range tabled {
		all = append(all, []string{way.name})
	}
	for _, row := range r.Rows {
		all[0] = append(all[0], results.Rate(row.OrdersPerDay))
		for i, bill := range row.Bills {
			all[i+1] = append(all[i+1], dollars(bill.Total))
		}
	}
	return all
}

// WriteText writes a table for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range r.cells() {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n\n%s\n", strings.Join(r.Words(), "\n"), strings.Join(r.Assumed(), "\n"))
	return err
}

// WriteMarkdown writes it for a document; picture is the chart's file.
func (r *Report) WriteMarkdown(w io.Writer, picture string) error {
	var b strings.Builder
	for _, s := range r.Words() {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	if picture != "" {
		fmt.Fprintf(&b, "\n![What a month costs, by orders a day](%s)\n", picture)
	}
	writeTable(&b, r.cells())
	writeTable(&b, r.entryCells())
	b.WriteString("\n")
	for _, s := range r.Assumed() {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTable(b *strings.Builder, cells [][]string) {
	b.WriteString("\n")
	for i, row := range cells {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(row)-1) + "\n")
		}
	}
}

// WriteBills writes the bills for the user's own orders, line by line.
func (r *Report) WriteBills(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nFor %s orders a day:\n", results.Rate(r.Rows[0].OrdersPerDay))
	for _, b := range r.Rows[0].Bills {
		fmt.Fprintf(t, "%s\t\t%s\n", b.Way, dollars(b.Total))
		for _, i := range b.Items {
			fmt.Fprintf(t, "\t%s\t%s\n", i.What, dollars(i.Dollars))
		}
	}
	return t.Flush()
}
