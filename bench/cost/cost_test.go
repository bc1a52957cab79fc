package cost

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"bellhop"
)

var update = flag.Bool("update", false, "write the generated part of docs/cost.md")

// rule separates the text that people wrote from the generated one.
const rule = "\n---\n\n"

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.005*math.Abs(want)+0.005 {
		t.Errorf("%s: %.3f, not %.3f", what, got, want)
	}
}

// simple are round requests and milliseconds.
func simple() *Measured {
	direct := use{rate: 1, requests: 3, invocations: 2, billedMS: 150, waitMS: 50, accepts: 1, acceptMS: 10}
	express := use{rate: 1, requests: 3, invocations: 4, billedMS: 300, waitMS: 100, executions: 1, transitions: 4,
		steps: 1, insideMS: 130}
	standard := use{rate: 1, requests: 3, invocations: 4, billedMS: 190, waitMS: 50, executions: 1, transitions: 4}
	return &Measured{KeptBytes: 1e-9, InitMS: 100, uses: map[string][]use{"direct": {direct}, "express": {express},
		"standard": {standard}}}
}

// billOf is the bill of a way for 10,000 orders a day, 300,000 a month, without free tiers, on
// cores that are half as fast.
func billOf(t *testing.T, name string) map[string]float64 {
	t.Helper()
	o := Options{Measured: simple(), NoFree: true, SentBytes: 1000, Slowdown: 2}
	if err := o.defaults(); err != nil {
		t.Fatal(err)
	}
	items := map[string]float64{}
	for _, w := range tabled {
		if w.name == name {
			for _, i := range w.of(&o, 10_000).Items {
				items[i.What] = i.Dollars
			}
		}
	}
	return items
}

// TestBillsAreThoseAddedUpByHand adds up the lines of docs/cost.md from their prices.
func TestBillsAreThoseAddedUpByHand(t *testing.T) {
	const orders, sweeps, gbSecond = 300e3, 43_200.0, 0.0000133334 // a sweep each minute
	for name, want := range map[string]map[string]float64{
		"one VM": {"machines": 15.18, "address": 3.65, "disk": 20 * 0.08, "snapshots": 2 * 0.05, "transfer": 0.3 * 0.09},
		"SQS + Lambda": {"managed Postgres": 11.68, "its disk": 20 * 0.115, "server": 3.07 + 8*0.08,
			"CloudFront": 3 * orders * 1e-6, "SQS": (3*orders+5*2_592_000/20)*0.4e-6 + orders*0.1e-6,
			"Lambda":              (2*orders+sweeps)*0.2e-6 + (250*orders+60*sweeps)/1000/4*gbSecond,
			"starts of functions": 0.01 * 2 * orders * 0.2 / 4 * gbSecond, "traffic between zones": orders * 16384e-9 / 2 * 0.02,
			"logs":                       (2*orders + sweeps) * 700e-9 * 0.50,
			"secrets, alarms, dashboard": secrets*0.40 + alarms*0.10 + metrics*0.30 + 3, "transfer": 0.3 * 0.09},
		entries[0].name: {"managed Postgres": 11.68, "its disk": 20 * 0.115, "server": 3.07 + 8*0.08,
			"CloudFront": 2 * orders * 1e-6, "SQS": (3*orders + 5*2_592_000/20) * 0.4e-6, "EventBridge": orders * 1e-6,
			"Lambda":              (orders+sweeps)*0.2e-6 + (230*orders+60*sweeps)/1000/4*gbSecond,
			"starts of functions": 0.01 * orders * 0.2 / 4 * gbSecond, "traffic between zones": orders * 16384e-9 / 2 * 0.02,
			"logs":                       (orders + sweeps) * 700e-9 * 0.50,
			"secrets, alarms, dashboard": secrets*0.40 + (alarms-urlAlarms)*0.10 + metrics*0.30 + 3, "transfer": 0.3 * 0.09},
	} {
		got := billOf(t, name)
		if len(got) != len(want) {
			t.Errorf("%s: %v", name, got)
		}
		for what, dollars := range want {
			near(t, name+": "+what, got[what], dollars)
		}
	}
	// a server of one's own: as by EventBridge, with accept's alarms, and with messages of a fair queue
	other, own := billOf(t, entries[0].name), billOf(t, entries[1].name)
	near(t, "own server, SQS", own["SQS"]-other["SQS"], orders*0.1e-6)
	near(t, "own server, Lambda", own["Lambda"], other["Lambda"])
	near(t, "own server, CloudFront", own["CloudFront"], other["CloudFront"])
	near(t, "own server, EventBridge", own["EventBridge"], 0)
	// 50 of 130 ms wait; the others take twice as long: 210 ms are three steps of 100.
	near(t, "Express", billOf(t, "SQS + Lambda + Express")["Step Functions"], orders*(1e-6+3*0.1/16*0.00001667))
	near(t, "Standard", billOf(t, "SQS + Lambda + Standard")["Step Functions"], orders*4*0.025e-3)
}

// TestTheStackIsThatOfTheTemplate counts what AWS bills by the month.
func TestTheStackIsThatOfTheTemplate(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/aws/bellhop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	alarmed, ofURL, own := 0, 0, map[string]bool{}
	metric, ours := regexp.MustCompile(`MetricName: *"?(\w+)`), regexp.MustCompile(`Namespace: (!Sub )?bellhop\b`)
	for _, resource := range regexp.MustCompile(`\n  (?:[A-Z]\w+):\n`).Split(string(raw), -1) {
		if !strings.Contains(resource, "Type: AWS::CloudWatch::Alarm\n") {
			continue
		}
		names := metric.FindAllStringSubmatch(resource, -1)
		alarmed += len(names)
		if strings.Contains(resource, "Condition: HasURL\n") {
			ofURL += len(names)
		}
		if ours.MatchString(resource) {
			for _, name := range names {
				own[name[1]] = true
			}
		}
	}
	count := func(text string) float64 { return float64(strings.Count(string(raw), text)) }
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"alarms", alarms, float64(alarmed)}, {"alarms of the URL", urlAlarms, float64(ofURL)},
		{"metrics", metrics, float64(len(own))},
		{"secrets", secrets, count("Type: AWS::SecretsManager::Secret\n") + count("ManageMasterUserPassword: true\n")},
		{"dashboards", dashboards, count("Type: AWS::CloudWatch::Dashboard\n")},
		{"backupDays", backupDays, numberIn(t, raw, `BackupRetentionPeriod: (\d+)`)},
		{"serverGB", serverGB, numberIn(t, raw, `VolumeSize: (\d+)`)},
	} {
		if c.got != c.want {
			t.Errorf("the template has %v %s, not %v: change bench/cost, and run go test ./bench/cost -update", c.want, c.name,
				c.got)
		}
	}
	if !regexp.MustCompile(`\n  Server:\n    Type: String\n    Default: t4g.nano\n`).Match(raw) ||
		!strings.Contains(string(raw), "CPUCredits: standard") {
		t.Error("the template's server is no t4g.nano with standard credits: change bench/cost and its prices")
	}
}

// numberIn is the one that a pattern finds first.
func numberIn(t *testing.T, text []byte, pattern string) float64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindSubmatch(text)
	if found == nil {
		t.Fatalf("there is no %s", pattern)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCreditsAreBilledBeyondTheBaseline has orders that take a whole core in the mean.
func TestCreditsAreBilledBeyondTheBaseline(t *testing.T) {
	o := Options{OrderCPU: 1000}
	if err := o.defaults(); err != nil {
		t.Fatal(err)
	}
	items := map[string]float64{}
	for _, i := range ways[1].of(&o, secondsADay).Items {
		items[i.What] = i.Dollars
	}
	near(t, "of the machine", items["CPU credits"], (1-0.4)*720*0.05)
	near(t, "of the database", items["its CPU credits"], (1-0.2)*720*0.075)
	r, err := New(o, 0)
	if err != nil {
		t.Fatal(err)
	}
	if words := strings.Join(r.Words(), " "); !strings.Contains(words, "pays for CPU credits") {
		t.Errorf("nothing is said of credits: %s", words)
	}
}

// TestIdleFunctionsStart has 100 orders a day: every second one finds its function gone.
func TestIdleFunctionsStart(t *testing.T) {
	o := Options{}
	if err := o.defaults(); err != nil {
		t.Fatal(err)
	}
	near(t, "at 100 a day", (&month{&o, 100}).starts(), math.Exp(-100.0/144))
	near(t, "at a million a day", (&month{&o, 1e6}).starts(), 0.01)
}

func TestADozenLinesAreSaid(t *testing.T) {
	for _, own := range []float64{0, 800} {
		r, err := New(Options{}, own)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(r.Words()); n > 12 {
			t.Errorf("%d lines: %q", n, r.Words())
		}
	}
}

// TestAMillionOrdersByEachEntry adds the lines up that grow with orders, without what is free.
func TestAMillionOrdersByEachEntry(t *testing.T) {
	r, err := New(Options{Measured: simple(), Slowdown: 2}, 0)
	if err != nil {
		t.Fatal(err)
	}
	const gbSecond = 0.0000133334 * 1e6 / 1000 / 4 // of a ms of a million functions
	for n, want := range map[int]float64{
		0: 3 + 3*0.4 + 0.1 + 2*0.2 + 250*gbSecond + 2*0.01*200*gbSecond + 2*700e-3*0.50,
		1: 1 + 2 + 3*0.4 + 0.2 + 230*gbSecond + 0.01*200*gbSecond + 700e-3*0.50,
		2: 2 + 3*0.4 + 0.1 + 0.2 + 230*gbSecond + 0.01*200*gbSecond + 700e-3*0.50,
	} {
		cells := r.entryCells()
		if got := cells[len(cells)-1][n+1]; got != dollars(want) {
			t.Errorf("%s: %s, not %s\n%q", cells[0][n+1], got, dollars(want), cells)
		}
	}
}

func TestABillIsTheSumOfItsItems(t *testing.T) {
	r, err := New(Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		for _, b := range row.Bills {
			sum := 0.0
			for _, i := range b.Items {
				if i.Dollars <= 0 {
					t.Errorf("%s: %+v", b.Way, i)
				}
				sum += i.Dollars
			}
			near(t, b.Way, b.Total, sum)
		}
	}
}

func TestMoreOrdersNeverCostLess(t *testing.T) {
	o := Options{}
	if err := o.defaults(); err != nil {
		t.Fatal(err)
	}
	for _, w := range tabled {
		last := 0.0
		for e := 1.0; e <= 7; e += 0.01 {
			b := w.of(&o, math.Pow(10, e))
			// Fuller batches may save a little.
			if b.Total < last*0.995 {
				t.Errorf("%s costs %.2f at %.0f orders a day, and %.2f before", w.name, b.Total, math.Pow(10, e), last)
			}
			last = b.Total
		}
	}
}

func TestCrossings(t *testing.T) {
	r, err := New(Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Crossings) == 0 {
		t.Fatal("nothing crosses")
	}
	total := func(name string, n float64) float64 {
		for _, w := range ways {
			if w.name == name {
				return w.of(r.o, n).Total
			}
		}
		t.Fatalf("no way %s", name)
		return 0
	}
	for _, c := range r.Crossings {
		if n := c.OrdersPerDay * 1.001; total(c.Cheaper, n) >= total(c.Than, n) {
			t.Errorf("just after: %+v", c)
		}
		if n := c.OrdersPerDay / 1.02; total(c.Cheaper, n) < total(c.Than, n) {
			t.Errorf("just before: %+v", c)
		}
	}
}

func TestBetweenTwoRates(t *testing.T) {
	m := &Measured{uses: map[string][]use{"direct": {{rate: 1, requests: 3}, {rate: 100, requests: 1}}}}
	for rate, want := range map[float64]float64{0.01: 3, 1: 3, 10: 2, 100: 1, 1e6: 1} {
		near(t, "requests", m.at("direct", rate).requests, want)
	}
}

func TestWhatWasMeasuredIsRead(t *testing.T) {
	if u := Default().at("direct", 1).withoutAccept(); u.invocations != 1 || u.billedMS < 10 || u.requests != 3 {
		t.Errorf("without accept: %+v", u)
	}
	u := Default().at("express", 0.1)
	if u.requests < 2.5 || u.requests > 3.1 || u.invocations != 4 || u.executions != 1 || u.billedMS < 10 {
		t.Errorf("%+v", u)
	}
	for _, text := range []string{"", "{}", `{"costs":[{"mode":"direct","orders":1}]}`} {
		if _, err := Read(strings.NewReader(text)); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"--peak-factor 0.5": {PeakFactor: 0.5}, "--one-holds -1": {OneHolds: -1}, "--slowdown NaN": {Slowdown: math.NaN()}, "--keep-days 1e+09": {KeptDays: 1e9},
	} {
		if _, err := New(o, 0); bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, own := range []float64{-1, 0.5, 1e8, math.NaN()} {
		if _, err := New(Options{}, own); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%v orders: %v", own, err)
		}
	}
}

// TestTheDocumentIsWhatIsSaidNow checks that docs/cost.md ends with the command's text.
func TestTheDocumentIsWhatIsSaidNow(t *testing.T) {
	r, err := New(Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b, "cost.svg"); err != nil {
		t.Fatal(err)
	}
	svg, err := r.Chart().File()
	if err != nil {
		t.Fatal(err)
	}
	const doc, picture = "../../docs/cost.md", "../../docs/cost.svg"
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), rule)
	want := head + rule + b.String()
	if *update {
		if err := errors.Join(os.WriteFile(doc, []byte(want), 0o666), os.WriteFile(picture, svg, 0o666)); err != nil {
			t.Fatal(err)
		}
		return
	}
	drawn, err := os.ReadFile(picture)
	if err != nil || string(text) != want || !bytes.Equal(drawn, svg) {
		t.Errorf("docs/cost.md or its chart is out of date: run go test ./bench/cost -update (%v)", err)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for err == nil {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("the chart: %v", err)
	}
}

func TestDollars(t *testing.T) {
	for v, want := range map[float64]string{0.004: "$0.00", 16.826: "$16.83", 1294.4: "$1,294"} {
		if got := dollars(v); got != want {
			t.Errorf("%v is written %s", v, got)
		}
	}
}
