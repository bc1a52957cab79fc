package bench

import (
	"encoding/json"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop/bench/prices"
	"bellhop/internal/results"
)

func modelOf(took timing) mapping {
	return mapping{pollers: awsPollers, consumers: templateConsumers, batch: templateBatch, poll: awsPoll, took: took.of}
}

func TestAMappingTakesWhatWaits(t *testing.T) {
	took := timing{base: 100 * time.Millisecond, each: 10 * time.Millisecond}
	for _, c := range []struct {
		rate      float64
		orders    int
		least     int // batches
		most      int
		empty     int
		overtaken bool
	}{
		{1, 100, 100, 100, 0, false},   // each order finds somebody who waits
		{0.01, 10, 10, 10, 150, false}, // five pollers ask three times a minute, for a quarter of an hour
		{20, 1000, 900, 1000, 0, false},
		{100, 1000, 200, 400, 0, false},
		{1000, 5000, 1000, 1010, 0, true}, // four at once, 150 ms each, carry no more than 134 a second
	} {
		p := modelOf(took).carry(c.rate, c.orders)
		sum := 0
		for _, n := range p.batches {
			sum += n
		}
		if sum != c.orders || slices.Max(p.batches) > templateBatch {
			t.Errorf("%v/s: %d orders of %d in batches of up to %d", c.rate, sum, c.orders, slices.Max(p.batches))
		}
		if n := len(p.batches); n < c.least || n > c.most {
			t.Errorf("%v/s: %d batches", c.rate, n)
		}
		if (p.behind > tooFarBehind) != c.overtaken {
			t.Errorf("%v/s: %v behind", c.rate, p.behind)
		}
		if c.empty == 0 && p.empty != 0 || p.empty < c.empty {
			t.Errorf("%v/s: %d empty receives", c.rate, p.empty)
		}
	}
}

func TestATimingIsALine(t *testing.T) {
	l := timingOf(20*time.Millisecond, 60*time.Millisecond, 5)
	if l.of(1) != 20*time.Millisecond || l.of(5) != 60*time.Millisecond {
		t.Errorf("%v, %v", l.of(1), l.of(5))
	}
	if noisy := timingOf(20*time.Millisecond, 10*time.Millisecond, 5); noisy.of(5) != 20*time.Millisecond {
		t.Errorf("%v", noisy.of(5))
	}
}

// The sums are added up by hand, with round durations.
func TestDollarsAreThoseAddedUpByHand(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		mode mode
		ms   map[string]float64
		want float64
	}{
		{modeDirect, map[string]float64{"accept": 20, "direct": 130}, 1.30 + 0.27 + 0.63},
		{modeExpress, map[string]float64{"accept": 20, "start": 150, "record": 30, "notify": 100}, 1.30 + 0.27 + 0.70 + 0.30 + 0.53 + 1.21},
		{modeStandard, map[string]float64{"accept": 20, "start": 40, "record": 30, "notify": 100}, 1.30 + 0.27 + 0.33 + 0.30 + 0.53 + 100},
	} {
		a := newAccount()
		a.Orders, a.Executions, a.Transitions, a.Steps = n, n, n*transitions, 2*n
		a.Requests = map[string]int{"SendMessage": n, "ReceiveMessage": n, "DeleteMessageBatch": n}
		for name, ms := range c.ms {
			a.Invocations[name], a.Billed[name] = n, n*ms
		}
		if got := 1e6 * a.dollars(prices.Today(), c.mode); math.Abs(got-c.want) > 0.02 {
			t.Errorf("%s: $%.2f a million orders, not %.2f", c.mode, got, c.want)
		}
	}
}

func TestTheModelIsThatOfTheTemplate(t *testing.T) {
	text, err := os.ReadFile("../deploy/aws/bellhop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		`BatchSize:\n.*\n +Default`: templateBatch, `Consumers:\n.*\n +Default`: templateConsumers,
		`Memory:\n.*\n +Default`: int(MemoryGB * 1024), `ReceiveMessageWaitTimeSeconds`: int(awsPoll.Seconds()),
	} {
		found := regexp.MustCompile(name + `: (\d+)`).FindSubmatch(text)
		if found == nil {
			t.Errorf("the template has no %s", name)
		} else if got, _ := strconv.Atoi(string(found[1])); got != want {
			t.Errorf("the template has %s %d, not %d", name, got, want)
		}
	}
	if strings.Contains(string(text), "MaximumBatchingWindowInSeconds") {
		t.Error("the template has a batching window, and the model has none")
	}
}

func TestTheCompositionGoesTheDeployedWay(t *testing.T) {
	text, err := os.ReadFile("../deploy/aws/statemachine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	type choice struct {
		Next string
		And  []struct {
			Variable, StringEquals string
			NumericGreaterThan     *int
		}
	}
	var machine struct {
		StartAt string
		States  map[string]struct {
			Type, Next, Default string
			End                 bool
			Choices             []choice
		}
	}
	if err := json.Unmarshal(text, &machine); err != nil {
		t.Fatal(err)
	}
	s := machine.States
	if machine.StartAt != "Record" || s["Record"].Next != "IsAPushOwed" || !s["Notify"].End ||
		s[s["IsAPushOwed"].Default].Type != "Succeed" {
		t.Errorf("the way has changed: %+v", s)
	}
	c := s["IsAPushOwed"].Choices // the others are for repeated calls
	if len(c) == 0 || c[0].Next != "Notify" || len(c[0].And) != 2 || c[0].And[0].StringEquals != "recorded" ||
		*c[0].And[1].NumericGreaterThan != 0 {
		t.Errorf("the choice has changed: %+v", c)
	}
}

func TestCostsAreShown(t *testing.T) {
	a := newAccount()
	a.Orders, a.Empty, a.Executions = 500, 5, 500
	a.Requests = map[string]int{"SendMessage": 400, "SendMessageBatch": 100, "ReceiveMessage": 250,
		"DeleteMessageBatch": 200}
	a.Invocations, a.Billed = map[string]int{"accept": 500, "start": 200},
		map[string]float64{"accept": 1000, "start": 4000}
	r := Results{Prices: prices.Today(),
		Costs: []Cost{{Mode: "express", Rate: 1000, How: modelled, Overrun: true, Account: a, Dollars: 4.321}}}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	table := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"express 1,000 modelled, the queue grows 1,000 500 10 400 1,000 400 0 0 0 10,000 " +
		"1,000 4.32", "prices of us-east-1", "an execution has 4 transitions"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := results.WriteJSON(&b, r); err != nil || !strings.Contains(b.String(), `"DeleteMessageBatch": 200`) {
		t.Errorf("%v in %s", err, b.String())
	}
}
