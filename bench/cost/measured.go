package cost

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"io"
	"math"
	"slices"
	"time"

	"bellhop"
	"bellhop/bench"
)

//go:embed measured.json
var measuredFile []byte

// Measured is the use of AWS by an order, as bellhop-bench run counted it.
type Measured struct {
	CPU       string
	Cores     int
	At        time.Time
	KeptBytes float64 // on disk, of an order
	InitMS    float64 // from a function's start until it asks for work

	uses map[string][]use // by mode, by rate
}

// use is the use by an order at a rate.
type use struct {
	rate                           float64
	requests                       float64 // to SQS, without those that found nothing
	invocations, billedMS          float64 // of all functions
	accepts, acceptMS              float64 // of them: of accept
	waitMS                         float64 // of billedMS: for FCM
	executions, transitions, steps float64 // of the state machine; a step is 100 ms of Express
	insideMS                       float64 // of the functions in an execution
}

// defaultInit is what docs/measurements.md has.
const defaultInit = 20.0

// Default was measured on two cores.
func Default() *Measured {
	m, err := Read(bytes.NewReader(measuredFile))
	if err != nil {
		panic(err) // a test reads it
	}
	return m
}

// Read reads the results of bellhop-bench run.
func Read(r io.Reader) (*Measured, error) {
	var results bench.Results
	if err := json.NewDecoder(r).Decode(&results); err != nil {
		return nil, bellhop.Invalidf("results",
			"the results can't be read: %v; give a file that bellhop-bench run --json wrote", err)
	}
	m := &Measured{CPU: results.Machine.CPU, Cores: results.Machine.Cores, At: results.Started, InitMS: defaultInit,
		uses: map[string][]use{}}
	for _, f := range results.Figures {
		switch f.Key {
		case bench.KeyBytesKept:
			m.KeptBytes = f.Median
		case bench.KeyLambdaInit:
			m.InitMS = f.Median
		}
	}
	for _, c := range results.Costs {
		if c.Account == nil || c.Orders <= 0 {
			continue
		}
		m.uses[c.Mode] = append(m.uses[c.Mode], useOf(c))
	}
	for _, mode := range []string{"direct", "express", "standard"} {
		if len(m.uses[mode]) == 0 || m.KeptBytes <= 0 {
			return nil, bellhop.Invalidf("results",
				"the results don't say what orders take on AWS: run bellhop-bench run --json with --postgres and --sqs, as make "+
					"bench does")
		}
		slices.SortFunc(m.uses[mode], func(a, b use) int { return cmp.Compare(a.rate, b.rate) })
	}
	return m, nil
}

func useOf(c bench.Cost) use {
	n := float64(c.Orders)
	u := use{rate: c.Rate, executions: float64(c.Executions) / n, transitions: float64(c.Transitions) / n,
		steps: float64(c.Steps) / n}
	for _, requests := range c.Requests {
		u.requests += float64(requests) / n
	}
	// The month's bill counts receives that found nothing.
	u.requests -= float64(c.Empty) / n
	for name, invocations := range c.Invocations {
		u.invocations += float64(invocations) / n
		u.billedMS += c.Billed[name] / n
		if waits(name, c.Mode) {
			u.waitMS += min(c.Billed[name], float64(invocations)*fcmMS) / n
		}
	}
	u.accepts, u.acceptMS = float64(c.Invocations["accept"])/n, c.Billed["accept"]/n
	u.insideMS = (c.Billed["record"] + c.Billed["notify"]) / n
	return u
}

const fcmMS = float64(bench.FCMLatency) / float64(time.Millisecond)

// waits reports whether a function waits for FCM, by itself or for one that does.
func waits(function, mode string) bool {
	return function == "direct" || function == "notify" || function == "start" && mode == "express"
}

// withoutAccept is the use where something else fills the queue: each message is still sent, by whomever.
func (u use) withoutAccept() use {
	u.invocations -= u.accepts
	u.billedMS -= u.acceptMS
	u.accepts, u.acceptMS = 0, 0
	return u
}

// slowed is how many of the functions' milliseconds are billed where they compute so many times
// more slowly. What waits takes no longer.
func (u use) slowed(by float64) float64 { return u.waitMS + (u.billedMS-u.waitMS)*by }

// slowedSteps are those of an execution, which waits for FCM once.
func (u use) slowedSteps(by float64) float64 {
	if u.steps == 0 {
		return 0
	}
	took := min(u.insideMS, fcmMS) + max(0, u.insideMS-fcmMS)*by
	return max(u.steps, math.Ceil(took/100))
}

// at returns the use by an order at a rate. Between two measured rates it
// interpolates by the logarithm of the rate; beyond them it takes the nearest.
func (m *Measured) at(mode string, rate float64) use {
	all := m.uses[mode]
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if rate >= b.rate {
			continue
		}
		if rate <= a.rate {
			return a
		}
		t := math.Log(rate/a.rate) / math.Log(b.rate/a.rate)
		mix := func(x, y float64) float64 { return x + t*(y-x) }
		return use{rate, mix(a.requests, b.requests), mix(a.invocations, b.invocations), mix(a.billedMS, b.billedMS),
			mix(a.accepts, b.accepts), mix(a.acceptMS, b.acceptMS), mix(a.waitMS, b.waitMS),
			mix(a.executions, b.executions), mix(a.transitions, b.transitions),
			mix(a.steps, b.steps), mix(a.insideMS, b.insideMS)}
	}
	return all[len(all)-1]
}
