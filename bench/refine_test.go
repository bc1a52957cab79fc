package bench

import (
	"errors"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/results"
)

func TestBisectionFindsTheEdge(t *testing.T) {
	for _, truth := range []float64{13, 124, 125, 126, 777, 999} {
		rates := []float64{12, 31, 62, 94, 125, 250, 1250}
		measured := 0
		bad := func(rate float64) bool { return rate >= truth }
		err := refine(rates, 1.1, 12, bad, func(rate float64) ([]float64, error) {
			measured++
			rates = append(rates, rate)
			return rates, nil
		})
		good, from := results.Edge(rates, bad)
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
	for name, bad := range map[string]func(float64) bool{
		"all good": func(float64) bool { return false },
		"all bad":  func(float64) bool { return true },
	} {
		if err := refine([]float64{1, 10}, 1.1, 5, bad, never); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	failed := errors.New("the machine is gone")
	err := refine([]float64{1, 10}, 1.1, 5, func(r float64) bool { return r > 5 }, func(float64) ([]float64, error) {
		return nil,
			failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("a measurement that fails: %v", err)
	}
	// An edge that moves with each look, as on a noisy machine, ends too.
	rates, n := []float64{10, 1000}, 0
	err = refine(rates, 1.01, 7, func(r float64) bool { n++; return int(r)%2 == n%2 },
		func(r float64) ([]float64, error) {
			rates = append(rates, r)
			return rates, nil
		})
	if err != nil || len(rates) > 9 {
		t.Errorf("%d rates: %v", len(rates), err)
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
		"no traffic":         {Binary: "x", Traffic: &results.Traffic{OrdersPerDay: -5, PeakFactor: 20}},
		"no peak":            {Binary: "x", Traffic: &results.Traffic{OrdersPerDay: 5, PeakFactor: 0.5}},
	} {
		_, err := Compare(t.Context(), *withDefaults(t, o))
		if bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

func TestSomethingElseIsNotMeasured(t *testing.T) {
	if _, err := versionOf(t.Context(), "/bin/echo"); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("echo was taken for bellhop: %v", err)
	}
}
