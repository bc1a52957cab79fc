// Package report writes a comparison for people: a page that stands by itself, the
// difference of two comparisons, and charts for documents. It draws all from
// [results.Comparison].
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"bellhop/chart"
	"bellhop/internal/results"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Parse(page))

// figure is one measured value, of one mode at one rate.
type figure struct {
	title, unit string
	of          func(results.Sample) float64
	chart       string // the name of its chart; "" for none
	logY        bool
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// perOrder divides by the orders that were accepted.
func perOrder(v float64, s results.Sample) float64 { return v / float64(max(1, s.OK)) }

// The figures, the most telling first.
var figures = []figure{
	{"owners' requests, p99", "ms", func(s results.Sample) float64 { return ms(s.Owners.P99) }, "What owners feel", true},
	{"webhooks that fail", "%", func(s results.Sample) float64 { return 100 * s.FailedShare() },
		"What Shopify has to send again", false},
	{"webhooks, p99", "ms", func(s results.Sample) float64 { return ms(s.Webhooks.P99) }, "How long Shopify waits", true},
	{"webhook to push service, p99", "ms", func(s results.Sample) float64 { return ms(s.Notify.P99) },
		"When the phone is told", true},
	{"time to drain", "s", func(s results.Sample) float64 { return s.Drain.Seconds() }, "What is left after the load",
		false},
	{"processor time an order", "ms", func(s results.Sample) float64 { return perOrder(ms(s.CPU), s) },
		"What an order costs the processor", false},
	{"memory, the most", "MiB", func(s results.Sample) float64 { return float64(s.Memory) / (1 << 20) }, "Memory", false},
	{"written to disk an order", "KiB", func(s results.Sample) float64 { return perOrder(float64(s.Written)/1024, s) },
		"What an order writes", false},
	{"owners' requests, p50", "ms", func(s results.Sample) float64 { return ms(s.Owners.P50) }, "", true},
	{"owners' requests that fail", "", func(s results.Sample) float64 { return float64(s.OwnersFailed) }, "", false},
	{"webhooks, p50", "ms", func(s results.Sample) float64 { return ms(s.Webhooks.P50) }, "", true},
	{"webhooks, p99.9", "ms", func(s results.Sample) float64 { return ms(s.Webhooks.P999) }, "", true},
	{"webhook to push service, p50", "ms", func(s results.Sample) float64 { return ms(s.Notify.P50) }, "", true},
	{"orders recorded", "", func(s results.Sample) float64 { return float64(s.Recorded) }, "", false},
}

// spread is the median of a figure and its extremes.
func (f figure) spread(samples []results.Sample) (median, low, high float64) {
	median = results.Median(samples, f.of)
	low, high = median, median
	for _, s := range samples {
		low, high = min(low, f.of(s)), max(high, f.of(s))
	}
	return median, low, high
}

func (f figure) draw(c *results.Comparison) chart.Chart {
	out := chart.Chart{Title: f.chart, X: "webhooks a second", Y: f.head(), LogX: true, LogY: f.logY}
	for _, m := range c.Settings.Modes() {
		s := chart.Series{Name: m.Name()}
		for _, p := range c.Points {
			samples := p.Of(m)
			if len(samples) == 0 {
				continue
			}
			median, low, high := f.spread(samples)
			s.Points = append(s.Points, chart.Point{X: p.Rate, Y: median, Low: low, High: high})
		}
		out.Series = append(out.Series, s)
	}
	out.Markers = full(c.Settings)
	return out
}

// full marks where each pool has no place left.
func full(s results.CompareSettings) (all []chart.Marker) {
	if s.InlineCapacity() > 0 {
		all = append(all, chart.Marker{X: s.InlineCapacity(), Label: "pool is full"})
	}
	for _, pool := range s.Background {
		if s.Capacity(pool) > 0 && pool != s.Pool {
			all = append(all, chart.Marker{X: s.Capacity(pool), Label: fmt.Sprintf("pool of %d is full", pool)})
		}
	}
	return all
}

// killChart is the title of what kills lost.
const killChart = "What a kill loses"

// drawKills draws the orders without a push; false when nothing was killed.
func drawKills(c *results.Comparison) (out chart.Chart, ok bool) {
	out = chart.Chart{Title: killChart, X: "webhooks a second", Y: "acknowledged orders that never ring", LogX: true,
		Markers: full(c.Settings)}
	for _, m := range c.Settings.Modes() {
		s := chart.Series{Name: m.Name()}
		for _, p := range c.Points {
			if k, there := p.KillOf(m); there {
				s.Points, ok = append(s.Points, chart.Point{X: p.Rate, Y: float64(k.NeverPushed)}), true
			}
		}
		out.Series = append(out.Series, s)
	}
	return out, ok
}

// charts are those that a report has, in its order.
func charts(c *results.Comparison) (all []chart.Chart) {
	for _, f := range figures {
		if f.chart != "" {
			all = append(all, f.draw(c))
		}
	}
	if kills, ok := drawKills(c); ok {
		all = append(all, kills)
	}
	return all
}

// Charts returns the charts by a name for a file.
func Charts(c *results.Comparison) map[string]chart.Chart {
	all := map[string]chart.Chart{}
	for _, drawn := range charts(c) {
		all[fileName(drawn.Title)] = drawn
	}
	return all
}

func fileName(chart string) string {
	return strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(chart)) + ".svg"
}

type row struct {
	Rate, Mode string
	Cells      []string
}

// value writes a median, with the extremes where they differ.
func value(median, low, high float64) string {
	if number(low) == number(high) {
		return number(median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(median), number(low), number(high))
}

func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100:
		return results.Rate(v)
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func rows(c *results.Comparison) (all []row) {
	for _, p := range c.Points {
		for _, m := range c.Settings.Modes() {
			samples := p.Of(m)
			if len(samples) == 0 {
				continue
			}
			r := row{Rate: results.Rate(p.Rate), Mode: m.Name()}
			for _, f := range figures {
				r.Cells = append(r.Cells, value(f.spread(samples)))
			}
			all = append(all, r)
		}
	}
	return all
}

// byRate is a line of a table with a cell for each mode.
type byRate struct {
	Rate, Share string
	Cells       []string
}

// claims are how many times as long as alone owners' requests take at a rate.
func claims(c *results.Comparison) (all []byRate) {
	full := c.Settings.InlineCapacity()
	for _, p := range c.Points {
		if full == 0 || len(p.Inline) == 0 || len(p.Queued) == 0 {
			continue
		}
		line := byRate{Rate: results.Rate(p.Rate), Share: fmt.Sprintf("%.2g ×", p.Rate/full)}
		for _, m := range c.Settings.Modes() {
			line.Cells = append(line.Cells, times(c, m, p))
		}
		all = append(all, line)
	}
	return all
}

func times(c *results.Comparison, m results.Mode, p results.RatePoint) string {
	if len(p.Of(m)) == 0 {
		return "not measured"
	}
	alone, beside := c.IdleP99(m), results.OwnersP99(p.Of(m))
	if alone == 0 || beside == 0 {
		return "none was answered"
	}
	return fmt.Sprintf("%.1f × (%s)", beside/alone, results.Took(beside))
}

// kills are what was lost at each rate.
func kills(c *results.Comparison) (all []byRate) {
	for _, p := range c.Points {
		if len(p.Kills) == 0 {
			continue
		}
		line := byRate{Rate: results.Rate(p.Rate)}
		for _, m := range c.Settings.Modes() {
			cell := "not killed"
			if k, ok := p.KillOf(m); ok {
				cell = fmt.Sprintf("%s and %s of %s", results.Grouped(k.NeverRecorded), results.Grouped(k.NeverPushed),
					results.Grouped(k.Acknowledged))
			}
			line.Cells = append(line.Cells, cell)
		}
		all = append(all, line)
	}
	return all
}

func names(c *results.Comparison) (all []string) {
	for _, m := range c.Settings.Modes() {
		all = append(all, m.Name())
	}
	return all
}

// head is the title with the unit.
func (f figure) head() string { return f.title + ifAny(", ", f.unit) }

func heads() (all []string) {
	for _, f := range figures {
		all = append(all, f.head())
	}
	return all
}

// fact is a line about the conditions.
type fact struct{ Name, Value string }

func facts(c *results.Comparison) (all []fact) {
	m, s := c.Machine, c.Settings
	add := func(name, format string, args ...any) { all = append(all, fact{name, fmt.Sprintf(format, args...)}) }
	add("Machine", "%s; data on %s", &m, s.Disk)
	add("Measured", "%s, in %v, by bellhop %s", c.Started.Format("2 January 2006, 15:04 MST"), c.Took.Round(time.Second),
		c.Version)
	add("Command", "%s", c.Command)
	add("Orders are stored in", "%s", s.Store)
	add("The queue is in", "%s", s.Queue)
	add("Push service", "answers after %v%s", s.PushLatency, ifAny(", with faults: ", s.Faults))
	add("Inside the request", "%d requests at once, owners' and webhooks alike, since each holds a connection; %d more "+
		"wait in line, for 5 s at the most. So it can serve %s webhooks a second",
		s.Pool, s.Waiting, results.Rate(s.InlineCapacity()))
	if len(s.Background) > 0 {
		add("In the background", "a webhook is answered when its order is in memory; as many orders are worked at as the "+
			"pool has places, each on one of them, like an owner's request; 10,000 may wait")
	}
	if p := c.Plain; p != nil && len(p.Plain) > 0 {
		add("Is that fair?", "a plain handler with the same pool, written without bellhop, serves %s a second, this one %s",
			list(p.Plain), list(p.Inline))
	}
	add("Load", "webhooks at even intervals whether or not earlier ones were answered, bodies that all differ, beside "+
		"%s owners' requests a second; each measurement takes %v after a second of warm-up, %d at each rate in each mode, "+
		"in turn", results.Rate(s.OwnersRate), s.Duration, s.Repeats)
	var idle []string
	for _, m := range s.Modes() {
		idle = append(idle, fmt.Sprintf("%s %s", results.Took(c.IdleP99(m)), m.Name()))
	}
	add("Idle", "owners' requests take at p99: %s", strings.Join(idle, "; "))
	if len(kills(c)) > 0 {
		add("Kills", "the process is killed (SIGKILL) in the middle of a measurement and started again at once, once at "+
			"each rate in each mode; an order counts once its webhook was answered 2xx")
	}
	return all
}

func ifAny(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

func list(rates []float64) string {
	var all []string
	for _, r := range rates {
		all = append(all, results.Rate(r))
	}
	return strings.Join(all, ", ")
}

// troubles are warnings that a reader needs before the rest.
func troubles(c *results.Comparison) (all []string) {
	if c.Interrupted {
		all = append(all, "The run was stopped before its end: what was not measured is missing.")
	}
	if c.Machine.Load > 0.5*float64(c.Machine.Cores) {
		all = append(all, fmt.Sprintf("The machine was busy with other work before the run (load average %.2f): the "+
			"figures say less than they could.", c.Machine.Load))
	}
	if c.Machine.Others > 0.1 && c.Settings.Store == "sqlite" && c.Settings.Queue == "sqlite" {
		all = append(all, fmt.Sprintf("Others used %.0f %% of the machine during the run: the figures say less than they "+
			"could.", 100*c.Machine.Others))
	}
	all = append(all, c.Problems...)
	for _, p := range c.Points {
		for _, m := range c.Settings.Modes() {
			for i, s := range p.Of(m) {
				for _, problem := range s.Problems {
					all = append(all, fmt.Sprintf("%s at %s a second, measurement %d: %s.", m.Name(), results.Rate(p.Rate), i+1,
						problem))
				}
			}
		}
	}
	return all
}

// drawn is a chart.
type drawn struct {
	Title, File string
	SVG         template.HTML
}

// content is what the page and the document say.
func content(c *results.Comparison) map[string]any {
	var all []drawn
	for _, drawing := range charts(c) {
		svg, err := drawing.SVG()
		if err != nil {
			continue // no values, as of processor time beside Linux
		}
		all = append(all, drawn{drawing.Title, fileName(drawing.Title), svg})
	}
	return map[string]any{
		"Words": c.Words(), "Charts": all, "Heads": heads(), "Rows": rows(c), "Modes": names(c), "Claims": claims(c),
		"Kills": kills(c), "Facts": facts(c),
		"Troubles": troubles(c), "Style": template.CSS(chart.Style),
	}
}

// HTML writes the page.
func HTML(w io.Writer, c *results.Comparison) error { return pageTemplate.Execute(w, content(c)) }
