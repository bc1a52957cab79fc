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

var modes = []struct {
	mode results.Mode
	name string
}{{results.Inline, "inside the request"}, {results.Queued, "with a queue"}}

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
	for _, m := range modes {
		s := chart.Series{Name: m.name}
		for _, p := range c.Points {
			samples := p.Of(m.mode)
			if len(samples) == 0 {
				continue
			}
			median, low, high := f.spread(samples)
			s.Points = append(s.Points, chart.Point{X: p.Rate, Y: median, Low: low, High: high})
		}
		out.Series = append(out.Series, s)
	}
	if full := c.Settings.InlineCapacity(); full > 0 {
		out.Markers = append(out.Markers, chart.Marker{X: full, Label: "pool is full"})
	}
	return out
}

// Charts returns those of the figures that have one, by a name for a file.
func Charts(c *results.Comparison) map[string]chart.Chart {
	all := map[string]chart.Chart{}
	for _, f := range figures {
		if f.chart != "" {
			all[fileName(f.chart)] = f.draw(c)
		}
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
		for _, m := range modes {
			samples := p.Of(m.mode)
			if len(samples) == 0 {
				continue
			}
			r := row{Rate: results.Rate(p.Rate), Mode: m.name}
			for _, f := range figures {
				r.Cells = append(r.Cells, value(f.spread(samples)))
			}
			all = append(all, r)
		}
	}
	return all
}

// claim is how many times as long as alone owners' requests take at a rate.
type claim struct{ Rate, Share, Inline, Queued string }

func claims(c *results.Comparison) (all []claim) {
	full := c.Settings.InlineCapacity()
	for _, p := range c.Points {
		if full == 0 || len(p.Inline) == 0 || len(p.Queued) == 0 {
			continue
		}
		times := func(m results.Mode) string {
			alone, beside := c.IdleP99(m), results.OwnersP99(p.Of(m))
			if alone == 0 || beside == 0 {
				return "none was answered"
			}
			return fmt.Sprintf("%.1f × (%s)", beside/alone, results.Took(beside))
		}
		all = append(all, claim{results.Rate(p.Rate), fmt.Sprintf("%.2g ×", p.Rate/full), times(results.Inline),
			times(results.Queued)})
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
	if p := c.Plain; p != nil && len(p.Plain) > 0 {
		add("Is that fair?", "a plain handler with the same pool, written without bellhop, serves %s a second, this one %s",
			list(p.Plain), list(p.Inline))
	}
	add("Load", "webhooks at even intervals whether or not earlier ones were answered, bodies that all differ, beside "+
		"%s owners' requests a second; each measurement takes %v after a second of warm-up, %d at each rate in each mode, "+
		"in turn", results.Rate(s.OwnersRate), s.Duration, s.Repeats)
	add("Idle", "owners' requests take %s at p99 inside, %s with a queue", results.Took(c.IdleP99(results.Inline)),
		results.Took(c.IdleP99(results.Queued)))
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
		for _, m := range modes {
			for i, s := range p.Of(m.mode) {
				for _, problem := range s.Problems {
					all = append(all, fmt.Sprintf("%s at %s a second, measurement %d: %s.", m.name, results.Rate(p.Rate), i+1,
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
	var charts []drawn
	for _, f := range figures {
		if f.chart == "" {
			continue
		}
		svg, err := f.draw(c).SVG()
		if err != nil {
			continue // no values, as of processor time beside Linux
		}
		charts = append(charts, drawn{f.chart, fileName(f.chart), svg})
	}
	return map[string]any{
		"Words": c.Words(), "Charts": charts, "Heads": heads(), "Rows": rows(c), "Claims": claims(c), "Facts": facts(c),
		"Troubles": troubles(c), "Style": template.CSS(chart.Style),
	}
}

// HTML writes the page.
func HTML(w io.Writer, c *results.Comparison) error { return pageTemplate.Execute(w, content(c)) }
