package bench

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
)

// curves are how a made-up machine behaves at a rate.
type curves struct {
	felt, lost, end float64 // from where owners feel inline, inline loses, queued falls behind
}

func (c curves) point(rate float64, repeats int) RatePoint {
	p := RatePoint{Rate: rate}
	for i := range repeats {
		jitter := time.Duration(i) * time.Millisecond
		in := Sample{Mode: Inline, Sent: 1000, OK: 1000, Rung: 1000, Owners: Latencies{P99: 5*time.Millisecond + jitter}, Ring: Latencies{P99: 90 * time.Millisecond}}
		q := in
		q.Mode = Queued
		if rate >= c.felt {
			in.Owners.P99 = 400*time.Millisecond + jitter
		}
		if rate >= c.lost {
			in.OK, in.Refused = 600, 400
		}
		if rate >= c.end {
			q.Ring.P99 = 4 * time.Second
		}
		p.Inline, p.Queued = append(p.Inline, in), append(p.Queued, q)
	}
	return p
}

func (c curves) comparison(rates ...float64) *Comparison {
	r := &Comparison{Format: comparisonFormat, Settings: CompareSettings{Store: "sqlite", Queue: "sqlite", Pool: 10, PushLatency: 80 * time.Millisecond}}
	for _, m := range []Mode{Inline, Queued} {
		r.Idle = append(r.Idle, Sample{Mode: m, Owners: Latencies{P99: 4 * time.Millisecond}})
	}
	for _, rate := range rates {
		r.Points = append(r.Points, c.point(rate, 3))
	}
	return r
}

func TestTheAnswerIsWhatTheCurvesSay(t *testing.T) {
	c := curves{felt: 100, lost: 150, end: 3000}.comparison(10, 50, 100, 150, 1000, 3000)
	want := Answer{SameUpTo: 50, FeltFrom: 100, LostFrom: 150, QueuedUpTo: 1000, QueuedFailsFrom: 3000}
	if got := c.Answer(); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	for _, traffic := range []struct {
		perDay, factor float64
		says           string
	}{
		{800, 20, "good enough"}, {86400, 40, "pays soon"}, {864_000, 20, "a queue pays"}, {86_400_000, 10, "a queue pays"},
	} {
		c.Traffic = &Traffic{OrdersPerDay: traffic.perDay, PeakFactor: traffic.factor, Source: "made up"}
		if words := c.Words(); !strings.Contains(words[0], traffic.says) {
			t.Errorf("%v a day: %q, which does not say %q", traffic.perDay, words[0], traffic.says)
		}
	}
}

func TestTheAnswerOfLittle(t *testing.T) {
	for name, c := range map[string]*Comparison{
		"nothing":         curves{}.comparison(),
		"one rate":        curves{felt: 1e9, lost: 1e9, end: 1e9}.comparison(10),
		"all bad":         curves{}.comparison(10, 20),
		"none is reached": curves{felt: 1e9, lost: 1e9, end: 1e9}.comparison(10, 20, 30),
	} {
		for _, s := range c.Words() {
			if strings.Contains(s, "NaN") || strings.HasPrefix(s, "Up to 0 ") || !strings.HasSuffix(s, ".") {
				t.Errorf("%s: %q", name, s)
			}
		}
	}
}

// One lucky measurement above an edge must not move it, nor an unlucky one below.
func TestMediansDecide(t *testing.T) {
	c := curves{felt: 100, lost: 1000, end: 1e9}.comparison(50, 100, 200)
	c.Points[0].Inline[0].Owners.P99 = time.Second
	c.Points[2].Inline[0].Owners.P99 = time.Millisecond
	if a := c.Answer(); a.FeltFrom != 100 || a.SameUpTo != 50 {
		t.Errorf("%+v", a)
	}
}

func TestBisectionFindsTheEdge(t *testing.T) {
	for _, truth := range []float64{13, 124, 125, 126, 777, 999} {
		rates := []float64{12, 31, 62, 94, 125, 250, 1250}
		measured := 0
		r := refinement{within: 1.1, steps: 12}
		bad := func(rate float64) bool { return rate >= truth }
		err := r.run(rates, bad, func(rate float64) ([]float64, error) {
			measured++
			rates = append(rates, rate)
			return rates, nil
		})
		good, from := edge(rates, bad)
		if err != nil || good >= truth || from < truth || from/good > 1.1*1.02 {
			t.Errorf("the edge at %v was found between %v and %v with %d measurements: %v", truth, good, from, measured, err)
		}
		if measured > 6 {
			t.Errorf("%d measurements for the edge at %v", measured, truth)
		}
	}
}

func TestBisectionEnds(t *testing.T) {
	never := func(float64) ([]float64, error) { t.Fatal("there is nothing to look for"); return nil, nil }
	r := refinement{within: 1.1, steps: 5}
	for name, bad := range map[string]func(float64) bool{
		"all good": func(float64) bool { return false },
		"all bad":  func(float64) bool { return true },
	} {
		if err := r.run([]float64{1, 10}, bad, never); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	failed := errors.New("the machine is gone")
	err := r.run([]float64{1, 10}, func(r float64) bool { return r > 5 }, func(float64) ([]float64, error) { return nil, failed })
	if !errors.Is(err, failed) {
		t.Errorf("a measurement that fails: %v", err)
	}
	// An edge that moves with each look, as on a noisy machine, ends too.
	rates, n := []float64{10, 1000}, 0
	err = refinement{within: 1.01, steps: 7}.run(rates, func(r float64) bool { n++; return int(r)%2 == n%2 }, func(r float64) ([]float64, error) {
		rates = append(rates, r)
		return rates, nil
	})
	if err != nil || len(rates) > 9 {
		t.Errorf("%d rates: %v", len(rates), err)
	}
}

func TestAComparisonIsReadAsItWasWritten(t *testing.T) {
	c := curves{felt: 100, lost: 150, end: 3000}.comparison(10, 100)
	var b bytes.Buffer
	if err := c.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	again, err := ReadComparison(&b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Answer() != c.Answer() || !slices.Equal(again.rates(Inline), c.rates(Inline)) {
		t.Errorf("%+v, not %+v", again.Answer(), c.Answer())
	}
	for name, bad := range map[string]string{
		"not JSON": "hello", "something else": `{"a":1}`, "a later format": strings.Replace(text, `"format": 1`, `"format": 9`, 1), "nothing": "",
	} {
		if _, err := ReadComparison(strings.NewReader(bad)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestAComparisonRefusesWhatMakesNoSense(t *testing.T) {
	for name, o := range map[string]CompareOptions{
		"no binary":          {},
		"a negative rate":    {Binary: "x", Rates: []float64{-1}},
		"too high a rate":    {Binary: "x", Rates: []float64{1e9}},
		"too short":          {Binary: "x", Duration: time.Millisecond},
		"no latency":         {Binary: "x", PushLatency: time.Microsecond},
		"a negative pool":    {Binary: "x", Pool: -1},
		"no such queue":      {Binary: "x", Queue: "kafka://here"},
		"another machine":    {Binary: "x", Queue: "amqp://guest:hush@mq.example.com/"},
		"another SQS":        {Binary: "x", Queue: "sqs+http://sqs.example.com"},
		"AWS itself":         {Binary: "x", Queue: "sqs://sqs.us-east-1.amazonaws.com/123456789012/orders"},
		"another database":   {Binary: "x", Postgres: "postgres://u:hush@db.example.com/x"},
		"no database":        {Binary: "x", Postgres: "mysql://localhost/x"},
		"a queue in no base": {Binary: "x", Queue: "postgres:"},
		"no traffic":         {Binary: "x", Traffic: &Traffic{OrdersPerDay: -5, PeakFactor: 20}},
		"no peak":            {Binary: "x", Traffic: &Traffic{OrdersPerDay: 5, PeakFactor: 0.5}},
	} {
		_, err := Compare(t.Context(), o)
		if bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

func TestSomethingElseIsNotMeasured(t *testing.T) {
	b := testBench(t)
	b.Binary = "/bin/echo"
	if err := b.isBellhop(t.Context()); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("echo was taken for bellhop: %v", err)
	}
}
