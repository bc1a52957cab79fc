package results

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// curves are how a made-up machine behaves at a rate.
type curves struct {
	felt, lost, end float64 // from where owners feel inline, inline loses, queued falls behind
}

func (c curves) point(rate float64, repeats int) RatePoint {
	p := RatePoint{Rate: rate}
	for i := range repeats {
		jitter := time.Duration(i) * time.Millisecond
		in := Sample{Mode: Inline, Sent: 1000, OK: 1000, Notified: 1000,
			Owners: Latencies{P99: 5*time.Millisecond + jitter}, Notify: Latencies{P99: 90 * time.Millisecond}}
		q := in
		q.Mode = Queued
		if rate >= c.felt {
			in.Owners.P99 = 400*time.Millisecond + jitter
		}
		if rate >= c.lost {
			in.OK, in.Refused = 600, 400
		}
		if rate >= c.end {
			q.Notify.P99 = 4 * time.Second
		}
		p.Inline, p.Queued = append(p.Inline, in), append(p.Queued, q)
	}
	return p
}

func (c curves) comparison(rates ...float64) *Comparison {
	r := &Comparison{Format: Format, Settings: CompareSettings{Store: "sqlite", Queue: "sqlite", Pool: 10,
		PushLatency: 80 * time.Millisecond}}
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
		{800, 20, "good enough"}, {86400, 40, "pays soon"}, {864_000, 20, "a queue pays"},
		{86_400_000, 10, "a queue pays"},
	} {
		c.Traffic = &Traffic{OrdersPerDay: traffic.perDay, PeakFactor: traffic.factor, Source: "made up"}
		if words := c.Words(); !strings.Contains(words[0], traffic.says) {
			t.Errorf("%v a day: %q, which does not say %q", traffic.perDay, words[0], traffic.says)
		}
	}
}

func TestWhatTheBackgroundAndKillsCostIsSaid(t *testing.T) {
	c := curves{felt: 100, lost: 150, end: 3000}.comparison(10, 100, 1000)
	c.Settings.Background = []int{10, 50}
	for i := range c.Points {
		for pool, end := range map[int]float64{10: 100, 50: 1e9} {
			s := Sample{Mode: Background(pool), Sent: 1000, OK: 1000, Notified: 1000}
			if c.Points[i].Rate >= end {
				s.Notify.P99 = 7 * time.Second
			}
			c.Points[i].Add(s)
		}
		c.Points[i].Kills = []Kill{{Mode: Inline, Acknowledged: 9, NeverPushed: 2},
			{Mode: Background(10), Acknowledged: 1000, NeverRecorded: int64(i) * 100, NeverPushed: int64(i) * 200},
			{Mode: Queued, Acknowledged: 1000}}
	}
	words := strings.Join(c.Words(), "\n")
	for _, want := range []string{
		"In the background, 10 at once, this machine holds 10 orders a second. At 100 it does not: one push in a hundred " +
			"takes 7.0 s or longer.",
		"In the background, 50 at once, this machine holds 1,000 orders a second, the highest rate measured.",
		"Killed and started again 3 times, inside the request: the worst is at 10 orders a second. Of 9 acknowledged " +
			"orders none are lost and 2 never ring",
		"in the background, 10 at once: the worst is at 1,000 orders a second. Of 1,000 acknowledged orders 200 are lost " +
			"and 400 never ring",
		"3 times, with a queue: no acknowledged order is lost, and each rings.",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("there is no %q in\n%s", want, words)
		}
	}
	if strings.Contains(words, "again 3 times, in the background, 50") {
		t.Error("a mode that was never killed is spoken of")
	}
}

func TestModesHaveNames(t *testing.T) {
	s := CompareSettings{Background: []int{10, 50}}
	got := ""
	for _, m := range s.Modes() {
		got += fmt.Sprintf("%s %d %s; ", m, m.BackgroundPool(), m.Name())
	}
	want := "inline 0 inside the request; background-10 10 in the background, 10 at once; " +
		"background-50 50 in the background, 50 at once; queued 0 with a queue; "
	if got != want {
		t.Errorf("%s", got)
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

func TestAComparisonIsReadAsItWasWritten(t *testing.T) {
	c := curves{felt: 100, lost: 150, end: 3000}.comparison(10, 100)
	var b bytes.Buffer
	if err := WriteJSON(&b, c); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	again, err := ReadComparison(&b)
	if err != nil {
		t.Fatal(err)
	}
	if again.Answer() != c.Answer() || !slices.Equal(again.Rates(Inline), c.Rates(Inline)) {
		t.Errorf("%+v, not %+v", again.Answer(), c.Answer())
	}
	for name, bad := range map[string]string{
		"not JSON": "hello", "something else": `{"a":1}`, "a later format": strings.Replace(text, `"format": 1`,
			`"format": 9`, 1), "nothing": "",
	} {
		if _, err := ReadComparison(strings.NewReader(bad)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
