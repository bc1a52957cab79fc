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
	for _, w := range ways {
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

// Words says it in sentences.
func (r *Report) Words() (all []string) {
	for _, row := range r.Rows {
		best := row.cheapest()
		all = append(all, fmt.Sprintf("%s orders a day: %s is cheapest, at %s a month.", results.Rate(row.OrdersPerDay),
			best.Way, dollars(best.Total)))
	}
	for _, c := range r.Crossings {
		all = append(all, fmt.Sprintf("From about %s orders a day on, %s costs less than %s.", about(c.OrdersPerDay),
			c.Cheaper, c.Than))
	}
	return all
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
		fmt.Sprintf("Requests, invocations, milliseconds and bytes an order as bellhop-bench run counted them on "+
			"%s with %d cores on %s, at the mean rate of the day, with FCM answering after %v. Times of functions are that "+
			"machine's and not AWS's, times a slowdown of %v: with 256 MB a function has a seventh of a core "+
			"(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html has one at "+
			"1,769 MB), so that what computes may take seven times as long, and what waits does not.",
			o.Measured.CPU, o.Measured.Cores, o.Measured.At.Format("2 January 2006"), bench.FCMLatency, o.Slowdown),
		fmt.Sprintf("The busiest second brings %v times the mean. Two cores hold %s orders a second with all in one "+
			"process, and %s with Postgres and RabbitMQ beside; beyond that as many machines, or as large ones, as it takes. "+
			"The small Postgres serves up to half of that.",
			o.PeakFactor, results.Rate(o.OneHolds), results.Rate(o.ApartHold)),
		fmt.Sprintf("Assumed, not measured: %v bytes an order leave for the internet, an invocation logs %v bytes, orders "+
			"are kept %v days. FCM is free. Work is not counted, nor what an hour of outage costs: one VM has no second one.",
			o.SentBytes, o.LogBytes, o.KeptDays),
	}
}

// cells are those of the table, with its head.
func (r *Report) cells() [][]string {
	all := [][]string{{"a month, by orders a day"}}
	for _, way := range ways {
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
	b.WriteString("\n")
	for i, row := range r.cells() {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(r.Rows)) + "\n")
		}
	}
	b.WriteString("\n")
	for _, s := range r.Assumed() {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
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
