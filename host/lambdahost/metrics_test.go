package lambdahost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/push"
)

// printed is a log in which tests look for metrics.
type printed struct{ bytes.Buffer }

func newPrinted() (*printed, lambdahost.Metrics) {
	p := &printed{}
	return p, lambdahost.Metrics{Log: slog.New(slog.NewJSONHandler(p, nil)), Stack: "shop-orders"}
}

// metrics reads the metrics as CloudWatch does, and forgets them.
func (p *printed) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for line := range bytes.Lines(p.Bytes()) {
		var root map[string]any
		var meta struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		if json.Unmarshal(line, &root) != nil || json.Unmarshal(line, &meta) != nil {
			t.Fatalf("not JSON: %s", line)
		}
		if at := time.UnixMilli(meta.AWS.Timestamp); time.Since(at).Abs() > time.Hour {
			t.Errorf("at %v: %s", at, line)
		}
		for _, d := range meta.AWS.CloudWatchMetrics {
			if d.Namespace != "bellhop" || len(d.Dimensions) != 1 || !slices.Equal(d.Dimensions[0], []string{"Stack"}) ||
				root["Stack"] != "shop-orders" {
				t.Errorf("%s", line)
			}
			for _, m := range d.Metrics {
				if m.Unit != "Seconds" && m.Unit != "Count" {
					t.Errorf("%s is measured in %q", m.Name, m.Unit)
				}
				all[m.Name] = math.Round(root[m.Name].(float64))
			}
		}
	}
	p.Reset()
	return all
}

func (p *printed) want(t *testing.T, when string, want map[string]float64) {
	t.Helper()
	if got := p.metrics(t); !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", when, got, want)
	}
}

// TestPushesThatAreLateAreMeasured leaves a push owed for half an hour.
func TestPushesThatAreLateAreMeasured(t *testing.T) {
	f := newFunctions(t)
	out, m := newPrinted()
	f.push.Metrics = m
	s := &lambdahost.Sweep{PushStep: f.push, KeepBodies: time.Hour}
	sweep := func() {
		t.Helper()
		if _, err := s.Invoke(t.Context(), []byte(`{"source":"aws.events"}`)); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	out.want(t, "nothing is owed", map[string]float64{})
	f.owe(t, 1)
	made, err := f.store.OldestOwed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.push.Now = func() time.Time { return made.Add(30 * time.Minute) }
	f.phones.send = func(context.Context) error { return &push.Error{Reason: push.ReasonUnavailable} }
	sweep()
	out.want(t, "FCM is away", map[string]float64{"OldestOwedPush": 1800})
	f.push.Now = func() time.Time { return made.Add(31 * time.Minute) }
	f.phones.send = nil
	sweep()
	out.want(t, "FCM is back", map[string]float64{})
	f.store.owed = errAway
	if _, err := s.Invoke(t.Context(), []byte(`{}`)); kind(err) != lambdahost.TypeUnavailable {
		t.Errorf("without an answer: %v", err)
	}
}

// TestPushesGivenUpAreCounted: that a phone is gone is no fault.
func TestPushesGivenUpAreCounted(t *testing.T) {
	for reason, want := range map[push.Reason]map[string]float64{
		push.ReasonRefused:      {"PushesGivenUp": 2},
		push.ReasonUnregistered: {},
		push.ReasonUnavailable:  {},
	} {
		f := newFunctions(t)
		out, m := newPrinted()
		f.push.Metrics = m
		f.owe(t, 2)
		f.phones.send = func(context.Context) error { return &push.Error{Reason: reason} }
		n := &lambdahost.Notify{PushStep: f.push}
		if _, err := n.Invoke(t.Context(), encode(t, answer{Event: event(1, "").ID.String()})); err != nil {
			t.Fatal(err)
		}
		out.want(t, string(reason), want)
	}
}

// TestEventsThatComeAgainAreMeasured looks at batches before they are worked on: a
// function that falls over says so, too.
func TestEventsThatComeAgainAreMeasured(t *testing.T) {
	first := batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, ""))
	again := batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, ""),
		sqsRecord("b", message(t, event(2, order(2))), 2, ""))
	out, m := newPrinted()
	s, machine := newStart(false)
	s.Metrics = m
	f := newFunctions(t)
	f.push.Metrics = m
	s.Now = func() time.Time { return sentAt.Add(20 * time.Minute) }
	f.step.Now = s.Now
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	for _, invoke := range []func(context.Context, []byte) ([]byte, error){s.Invoke, d.Invoke} {
		for payload, want := range map[string]map[string]float64{string(first): {},
			string(again): {"OldestReturnedEvent": 1200}} {
			if _, err := invoke(t.Context(), []byte(payload)); err != nil {
				t.Fatal(err)
			}
			out.want(t, "a batch", want)
		}
	}
	machine.run = func(context.Context, string) (string, error) { panic("it fell over") }
	func() {
		defer func() { recover() }()
		s.Invoke(t.Context(), again)
	}()
	out.want(t, "a batch that kills its function", map[string]float64{"OldestReturnedEvent": 1200})
	s.Metrics.Stack, machine.run = "", nil
	if _, err := s.Invoke(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	out.want(t, "without a stack", map[string]float64{})
}

var errAway = bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")
