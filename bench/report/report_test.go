package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"bellhop/bench/report"
	"bellhop/internal/results"
)

var update = flag.Bool("update", false, "write the golden files anew")

// comparison is made up: inline gives in at 125 a second, queued at 4,000. In the background the
// phone is told late from 125 on.
func comparison() *results.Comparison {
	c := &results.Comparison{Format: 1, Version: "1.2.3", Command: "bellhop-bench compare --orders-per-day 800",
		Started: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC),
		Took:    20 * time.Minute, Machine: results.Machine{CPU: "A processor", Cores: 2, Memory: 8 << 30, OS: "linux",
			Kernel: "6.1", Go: "go1.26"},
		Settings: results.CompareSettings{Store: "sqlite", Queue: "sqlite", Pool: 10, Background: []int{10, 50}, Waiting: 100,
			PushLatency: 80 * time.Millisecond, OwnersRate: 50,
			Duration: 8 * time.Second, Repeats: 3, Disk: "ext4"},
		Traffic: &results.Traffic{OrdersPerDay: 800, PeakFactor: 20,
			Source: "800 a day, its busiest second 20 times the mean"},
		Plain: &results.PlainCheck{Plain: []float64{124, 125}, Inline: []float64{125, 124}}}
	for _, m := range c.Settings.Modes() {
		c.Idle = append(c.Idle, results.Sample{Mode: m, Owners: results.Latencies{P50: time.Millisecond,
			P99: 2 * time.Millisecond}})
	}
	for _, rate := range []float64{13, 31, 63, 94, 125, 188, 250, 630, 1250, 2500, 4000} {
		p := results.RatePoint{Rate: rate}
		for i := range 3 {
			if rate <= 1250 {
				p.Inline = append(p.Inline, sample(results.Inline, rate, 125, i))
			}
			p.Queued = append(p.Queued, sample(results.Queued, rate, 4000, i))
			for _, pool := range c.Settings.Background {
				late := sample(results.Background(pool), rate, 1e9, i)
				if n := c.Settings.Capacity(pool); rate >= n {
					late.Notify.P99 = time.Duration((rate/n - 1) * 9 * float64(time.Second))
				}
				p.Add(late)
			}
		}
		for _, m := range c.Settings.Modes() {
			k := results.Kill{Mode: m, Acknowledged: int64(4 * rate)}
			if n := c.Settings.Capacity(m.BackgroundPool()); n > 0 && rate > n {
				k.NeverRecorded = int64(4 * (rate - n))
				k.NeverPushed = k.NeverRecorded + 2
			}
			p.Kills = append(p.Kills, k)
		}
		c.Points = append(c.Points, p)
	}
	return c
}

func sample(m results.Mode, rate, most float64, i int) results.Sample {
	n := int64(8 * rate)
	jitter := time.Duration(i) * 100 * time.Microsecond
	s := results.Sample{Mode: m, Offered: rate, Sent: n, OK: n, Recorded: n, Notified: n,
		Owners:   results.Latencies{P50: time.Millisecond + jitter, P99: 2*time.Millisecond + jitter},
		Webhooks: results.Latencies{P50: 2 * time.Millisecond, P99: 4*time.Millisecond + jitter, P999: 6 * time.Millisecond},
		Notify:   results.Latencies{P50: 3 * time.Millisecond, P99: 7*time.Millisecond + jitter},
		CPU:      time.Duration(n) * 200 * time.Microsecond, Memory: 90 << 20, Written: n * 8192,
		Drain: 20 * time.Millisecond}
	if rate >= most {
		s.OK, s.Refused = n*7/10, n-n*7/10
		s.Recorded, s.Notified, s.OwnersFailed = s.OK, s.OK, 12
		s.Owners.P99 = 700*time.Millisecond + 10*jitter
		s.Notify.P99, s.Webhooks.P99 = 800*time.Millisecond, 900*time.Millisecond
	}
	return s
}

func html(t *testing.T, c *results.Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTheReportIsAsItWas(t *testing.T) {
	const path = "testdata/report.golden.html"
	got := html(t, comparison())
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report differs from %s: look at it in a browser, then run go test ./bench/report -update", path)
	}
}

func TestTheReportForADocument(t *testing.T) {
	var b bytes.Buffer
	if err := report.Markdown(&b, comparison(), "charts"); err != nil {
		t.Fatal(err)
	}
	drawn := report.Charts(comparison())
	links := regexp.MustCompile(`\]\(charts/([^)]+)\)`).FindAllStringSubmatch(b.String(), -1)
	if len(links) != len(drawn) {
		t.Errorf("%d charts are linked of %d", len(links), len(drawn))
	}
	for _, l := range links {
		if _, ok := drawn[l[1]]; !ok {
			t.Errorf("%s is linked and not drawn", l[1])
		}
	}
	for _, want := range []string{"- Up to 94 orders a second nobody can tell", "| 125 | 1 × |",
		"in the background, 50 at once", "| 188 | 0 and 0 of 752 | 252 and 254 of 752 | 0 and 0 of 752 |",
		"- **Command:** bellhop-bench compare"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
}

func TestTheReportStandsByItself(t *testing.T) {
	text := html(t, comparison())
	if found := regexp.MustCompile(
		`(?i)<script|<link|<iframe|<object| on[a-z]+=|url\(|@import|src=|href="http`).FindString(text); found != "" {
		t.Errorf("there is %s in it", found)
	}
	if n := strings.Count(text, "<svg"); n != 9 {
		t.Errorf("%d charts", n)
	}
}

func TestTheReportShowsHostileTextAsText(t *testing.T) {
	c := comparison()
	const evil = `<script>alert(1)</script>`
	c.Command, c.Version, c.Machine.CPU, c.Traffic.Source, c.Settings.Faults = evil, evil, evil, evil, evil
	c.Problems = []string{evil}
	c.Points[0].Inline[0].Problems = []string{evil}
	if strings.Contains(html(t, c), "<script>") {
		t.Error("markup got through")
	}
}

func TestTheReportOfLittle(t *testing.T) {
	c := comparison()
	c.Points, c.Idle, c.Plain, c.Traffic, c.Interrupted = c.Points[:1], nil, nil, nil, true
	c.Points[0].Queued = nil
	for i := range c.Points[0].Inline {
		c.Points[0].Inline[i].CPU, c.Points[0].Inline[i].Memory = 0, 0 // beside Linux
	}
	text := html(t, c)
	if !strings.Contains(text, "stopped before its end") || strings.Contains(text, "NaN") {
		t.Error("the report of a run that was stopped doesn't say so, or has NaN in it")
	}
	if got := html(t, &results.Comparison{}); !strings.Contains(got, "Nothing was measured.") {
		t.Error("the report of nothing doesn't say so")
	}
}

// TestOldResultsAreDrawn draws results from before there was a background or a kill.
func TestOldResultsAreDrawn(t *testing.T) {
	f, err := os.Open("../../docs/threshold/sqlite.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := results.ReadComparison(f)
	if err != nil {
		t.Fatal(err)
	}
	c.Settings.Background = nil // from now on those that stay
	for i := range c.Points {
		c.Points[i].Background, c.Points[i].Kills = nil, nil
	}
	text := html(t, c)
	for _, never := range []string{"in the background", "illed midway", "NaN"} {
		if strings.Contains(text, never) {
			t.Errorf("the report has %q, which was not measured", never)
		}
	}
	if n := strings.Count(text, "<svg"); n != 8 {
		t.Errorf("%d charts", n)
	}
	if len(report.Diff(c, comparison())) == 0 {
		t.Error("old results have nothing in common with new ones")
	}
}

func TestChartsHaveNamesForFiles(t *testing.T) {
	for name, c := range report.Charts(comparison()) {
		if !regexp.MustCompile(`^[a-z-]+\.svg$`).MatchString(name) {
			t.Errorf("%q", name)
		}
		if _, err := c.File(); err != nil {
			t.Errorf("%s: %v", name, fmt.Sprint(err))
		}
	}
}

func TestDifferencesStandAboveTheSpreadOrAreCalledChance(t *testing.T) {
	a, b := comparison(), comparison()
	b.Machine.Cores, b.Version = 8, "2.0.0"
	for i := range b.Points[0].Queued {
		b.Points[0].Queued[i].Owners.P99 *= 10
		b.Points[1].Queued[i].Owners.P99 += 50 * time.Microsecond
	}
	b.Points = b.Points[:5]
	clear := 0
	for _, d := range report.Diff(a, b) {
		if d.Clear {
			clear++
			if d.Rate != 13 || d.Mode != results.Queued || d.B < 9*d.A {
				t.Errorf("%+v", d)
			}
		}
	}
	if clear != 1 {
		t.Errorf("%d differences are clear, not 1", clear)
	}
	if got := report.Diff(a, b)[0].Row(); len(got) != strings.Count(report.DiffHead, "\t")+1 {
		t.Errorf("%q under %q", got, report.DiffHead)
	}
	unlike := strings.Join(report.Unlike(a, b), " ")
	for _, want := range []string{"two machines", "two versions: 1.2.3 and 2.0.0"} {
		if !strings.Contains(unlike, want) {
			t.Errorf("there is no %q in %s", want, unlike)
		}
	}
}
