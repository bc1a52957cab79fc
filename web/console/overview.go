package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"bellhop"
	"bellhop/chart"
)

// overviewView is the operators' first page.
type overviewView struct {
	*frame
	Facts  []fact
	Charts []chartView
	Shops  []shopCount
}

type fact struct {
	Label, Value string
	URL          string // where more of it is; "" for nowhere
	Bad          bool
}

// chartView is a chart; its URL is "" while there is nothing to draw.
type chartView struct{ Title, URL string }

type shopCount struct {
	Domain, URL, Orders string
	n                   int
}

// overviewEvery is how often the page reloads, in seconds.
const overviewEvery = 5

func (c *Console) showOverview(v *visit) error {
	v.At, v.Every = "overview", overviewEvery
	samples := c.stats.hour()
	view := &overviewView{frame: &v.frame, Facts: v.facts(samples), Shops: v.shopCounts(samples)}
	at := ""
	if n := len(samples); n > 0 {
		at = strconv.FormatInt(samples[n-1].At.Unix(), 36)
	}
	for _, name := range chartNames {
		shown := chartView{Title: v.T("overview.chart." + name)}
		if len(c.chart(v, name, samples).Series) > 0 {
			shown.URL = withQuery("/overview/"+name+".svg", "at", at)
		}
		view.Charts = append(view.Charts, shown)
	}
	return c.show(v, "overview", view)
}

func (v *visit) facts(samples []sample) []fact {
	var b sample
	if len(samples) > 0 {
		b = samples[len(samples)-1]
	}
	rate := func(f float64) string {
		if b.Pushed == nil {
			return v.T("app.none")
		}
		return v.T("overview.perSecond", "N", strconv.FormatFloat(f, 'f', 1, 64))
	}
	oldest := v.T("app.none")
	if b.Oldest > 0 {
		oldest = v.Span(b.Oldest)
	}
	return []fact{
		{Label: v.T("overview.in"), Value: rate(b.In)},
		{Label: v.T("overview.out"), Value: rate(b.Out)},
		{Label: v.T("overview.waiting"), Value: v.Number(b.Waiting + b.Leased)},
		{Label: v.T("overview.oldest"), Value: oldest, Bad: b.Oldest > time.Minute},
		{Label: v.T("overview.owed"), Value: v.Number(int(b.Owed))},
		{Label: v.T("overview.dead"), Value: v.Number(b.Dead), URL: "/dead", Bad: b.Dead > 0},
	}
}

// shopCounts are the shops with new orders in the hour, the busiest first.
func (v *visit) shopCounts(samples []sample) (all []shopCount) {
	counts := map[string]int{}
	for _, b := range samples {
		for shop, n := range b.Shops {
			counts[shop] += n
		}
	}
	for shop, n := range counts {
		all = append(all, shopCount{shop, withQuery("/", "shop", shop), v.Number(n), n})
	}
	slices.SortFunc(all, func(a, b shopCount) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.Domain, b.Domain))
	})
	return all[:min(len(all), 50)]
}

var chartNames = []string{"rates", "waiting", "oldest", "latency", "pushes"}

// showChart answers with a drawing that needs no style of the page.
func (c *Console) showChart(v *visit) error {
	name, svg := v.PathValue("chart"), ".svg"
	if len(name) < len(svg) || !slices.Contains(chartNames, name[:len(name)-len(svg)]) {
		return bellhop.Errorf(bellhop.NotFound, "chart_not_found", "there is no such chart")
	}
	ch := c.chart(v, name[:len(name)-len(svg)], c.stats.hour())
	if len(ch.Series) == 0 {
		return bellhop.Errorf(bellhop.NotFound, "chart_not_found", "there is nothing to draw yet")
	}
	drawn, err := ch.File()
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "private, max-age=60") // its address has the time
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(drawn) // the client is gone if this fails
	return nil
}

// drawnPoints is how many points a line has at the most. Each shows the highest value of its
// samples, so that no peak is lost.
const drawnPoints = 120

// chart draws one of the charts by the time of day in the viewer's zone. A line without values
// is left out.
func (c *Console) chart(v *visit, name string, samples []sample) chart.Chart {
	ch := chart.Chart{Title: v.T("overview.chart." + name), Y: v.T("overview.y." + name),
		Clock: &chart.Clock{Zone: v.zone, Time: v.exactly}}
	line := func(words string, tone chart.Tone, value func(b *sample) (float64, bool)) {
		s := chart.Series{Name: v.T("overview." + words), Tone: tone}
		for part := range slices.Chunk(samples, len(samples)/drawnPoints+1) {
			highest, any := 0.0, false
			for i := range part {
				if y, ok := value(&part[i]); ok {
					highest, any = max(highest, y), true
				}
			}
			if any {
				s.Points = append(s.Points, chart.Point{X: float64(part[0].At.Unix()), Y: highest})
			}
		}
		if len(s.Points) == 1 { // it holds until the next sample
			s.Points = append(s.Points, chart.Point{X: s.Points[0].X + statsEvery.Seconds(), Y: s.Points[0].Y})
		}
		if len(s.Points) > 0 {
			ch.Series = append(ch.Series, s)
		}
	}
	number := func(f func(b *sample) float64) func(b *sample) (float64, bool) {
		return func(b *sample) (float64, bool) { return f(b), true }
	}
	rate := func(f func(b *sample) float64) func(b *sample) (float64, bool) {
		return func(b *sample) (float64, bool) { return f(b), b.Pushed != nil }
	}
	type chooser = func([]time.Duration) (time.Duration, bool)
	took := func(of func(b *sample) []time.Duration, choose chooser) func(b *sample) (float64, bool) {
		return func(b *sample) (float64, bool) {
			d, ok := choose(of(b))
			return float64(d), ok
		}
	}
	pushed := func(s bellhop.PushStatus) func(b *sample) (float64, bool) {
		return rate(func(b *sample) float64 { return b.Pushed[s] })
	}
	recorded := func(b *sample) []time.Duration { return b.Recorded }
	notified := func(b *sample) []time.Duration { return b.Notified }
	switch name {
	case "rates":
		line("in", chart.Plain, rate(func(b *sample) float64 { return b.In }))
		line("out", chart.Good, rate(func(b *sample) float64 { return b.Out }))
	case "waiting":
		line("waiting", chart.Plain, number(func(b *sample) float64 { return float64(b.Waiting + b.Leased) }))
	case "oldest":
		line("oldest", chart.Plain, number(func(b *sample) float64 { return float64(b.Oldest) }))
		v.inTime(&ch)
	case "latency":
		line("recordMiddle", chart.Plain, took(recorded, middle))
		line("recordSlowest", chart.Plain, took(recorded, slowest))
		line("notifyMiddle", chart.Plain, took(notified, middle))
		line("notifySlowest", chart.Plain, took(notified, slowest))
		v.inTime(&ch)
	case "pushes":
		line("sent", chart.Good, pushed(bellhop.PushSent))
		line("failed", chart.Bad, pushed(bellhop.PushFailed))
		line("unknown", chart.Unsure, pushed(bellhop.PushUnknown))
		line("skipped", chart.Aside, pushed(bellhop.PushSkipped))
	}
	return ch
}

// exactly writes a time of day, with its seconds unless they are 0.
func (v *visit) exactly(t time.Time) string {
	if t.Second() == 0 {
		return v.Time(t)
	}
	return v.Seconds(t)
}

// timeUnits are the units of durations; each begins where the one before has too many digits to
// read.
var timeUnits = []struct {
	from, unit time.Duration
	words      string
}{{10 * time.Hour, time.Hour, "hours"}, {10 * time.Minute, time.Minute, "minutes"},
	{10 * time.Second, time.Second, "seconds"}, {0, time.Millisecond, "milliseconds"}}

// inTime writes a chart of durations in a unit that fits the longest.
func (v *visit) inTime(ch *chart.Chart) {
	longest := 0.0
	for _, s := range ch.Series {
		for _, p := range s.Points {
			longest = max(longest, p.Y)
		}
	}
	for _, u := range timeUnits {
		if time.Duration(longest) < u.from {
			continue
		}
		for _, s := range ch.Series {
			for i := range s.Points {
				s.Points[i].Y /= float64(u.unit)
			}
		}
		ch.Y = v.T("overview.unit." + u.words)
		return
	}
}
