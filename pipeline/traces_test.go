package pipeline_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/store"
)

func newTraces(sampler sdktrace.Sampler) (*pipeline.Traces, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sampler))
	return &pipeline.Traces{Tracer: provider.Tracer("test"), Database: "sqlite",
		Queue: "orders", QueueSystem: "sqlite"}, spans
}

func says(s sdktrace.ReadOnlySpan, name string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == name {
			return kv.Value.String()
		}
	}
	return ""
}

const traceOne, traceTwo = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// TestAcceptPassesTracesOn sends an event within a sampled request, within
// another, and within none.
func TestAcceptPassesTracesOn(t *testing.T) {
	body := []byte(`{}`)
	for name, test := range map[string]struct {
		sampler sdktrace.Sampler
		request bool
		traced  bool
	}{"kept": {sdktrace.AlwaysSample(), true, true}, "not kept": {sdktrace.NeverSample(), true, false},
		"no request": {sdktrace.AlwaysSample(), false, false}} {
		a, q := newAcceptor(t)
		traces, spans := newTraces(test.sampler)
		a.Traces = traces
		ctx := t.Context()
		if test.request {
			ctx, _ = traces.Tracer.Start(ctx, "request")
		}
		if err := a.Accept(ctx, headers(domain, app, body), body); err != nil {
			t.Fatal(err)
		}
		parent := q.events[0].TraceParent
		if (parent != "") != test.traced || (len(spans.Ended()) == 1) != test.traced {
			t.Errorf("%s: the event says %q, and there are %d spans", name, parent, len(spans.Ended()))
		}
		if test.traced {
			sent := spans.Ended()[0].SpanContext()
			if want := fmt.Sprintf("00-%s-%s-01", sent.TraceID(), sent.SpanID()); parent != want {
				t.Errorf("%s: the event says %q, want %q", name, parent, want)
			}
		}
	}
}

// TestRecordTracesEachResult records good events, a repeated one and a bad one; one of
// them is in no trace.
func TestRecordTracesEachResult(t *testing.T) {
	b := &books{record: func(facts []bellhop.Fact) ([]bellhop.Result, error) {
		for _, f := range facts {
			if f.OrderID == 2 {
				return nil, errors.New("the database says Jo Lee is there twice")
			}
		}
		results := make([]bellhop.Result, len(facts))
		for i := range results {
			results[i].Outcome = bellhop.OutcomeRecorded
		}
		return results, nil
	}}
	traces, spans := newTraces(sdktrace.ParentBased(sdktrace.NeverSample()))
	r := &pipeline.Recorder{Store: b, Now: time.Now, Log: slog.New(slog.DiscardHandler), Traces: traces}
	const rest = `,"currency":"USD","total_price":"1.00","line_items":[],"created_at":"2026-11-22T09:00:00Z",` +
		`"updated_at":"2026-11-22T09:00:00Z"}`
	var batch []queue.Delivery
	var events []*bellhop.Event
	for i, body := range []string{`{"id":1` + rest, `{"id":2` + rest, `{`, `{"id":3` + rest} {
		e := order(body)
		e.ID, e.TraceParent = bellhop.EventID{15: byte(i + 1)}, traceOne
		if i == 3 {
			e.TraceParent = ""
		}
		batch, events = append(batch, queue.Delivery{Event: e, Attempt: 7}), append(events, e)
	}
	ctx, work := traces.Process(t.Context(), batch)
	for i, done := range r.Record(ctx, events) {
		work.Done(events[i], done, []queue.Verdict{queue.Ack, queue.Retry, queue.DeadLetter, queue.Ack}[i])
	}
	var got []string
	for _, s := range spans.Ended() {
		line := strings.Join([]string{s.Name(), says(s, "bellhop.order.id"), says(s, "bellhop.outcome"),
			says(s, "bellhop.attempt"), says(s, "error.type")}, " ")
		if s.SpanContext().TraceID().String() != traceOne[3:35] || s.Status().Description != "" || len(s.Events()) > 0 {
			t.Errorf("%s is of trace %s, %+v", line, s.SpanContext().TraceID(), s.Status())
		}
		got = append(got, line)
	}
	want := []string{
		"record 1   internal", "record 2   internal", // both at once
		"record 1 recorded  ", "record 2   internal", // one by one
		"process orders 1 recorded 7 ", "process orders 2 retry 7 internal", "process orders  dead 7 ",
	}
	for i := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("spans:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d spans: %q", len(got), got)
	}
}

// TestPushBelongsToTheNewestOrder sends one message for several orders.
func TestPushBelongsToTheNewestOrder(t *testing.T) {
	traces, spans := newTraces(sdktrace.ParentBased(sdktrace.NeverSample()))
	n := &pipeline.Notifier{Outbox: &outbox{}, Sender: &answer{err: &push.Error{Reason: push.ReasonQuota}},
		Traces: traces,
		Now:    func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
	digest := owed(2, time.Minute)
	digest.Pushes = []int64{1, 2, 3}
	digest.Orders = []store.OrderBrief{{ID: 1, TraceParent: traceOne, FirstAttemptAt: noon},
		{ID: 2, TraceParent: traceTwo}, {ID: 3}}
	digest.Gathered = &store.Gathering{Orders: 3}
	alone := owed(1, time.Minute)
	alone.Orders[0].TraceParent = traceOne
	for _, o := range []store.Owed{owed(1, time.Minute), digest, alone} {
		if err := n.Notify(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	ended := spans.Ended()
	if len(ended) != 2 {
		t.Fatalf("%d spans, want one for each message that is traced", len(ended))
	}
	of, links := ended[0].Parent(), ended[0].Links()
	if of.TraceID().String() != traceTwo[3:35] || len(links) != 2 ||
		links[0].SpanContext.TraceID().String() != traceOne[3:35] ||
		links[1].Attributes[0] != attribute.String("bellhop.order.id", "2") {
		t.Errorf("the digest is below %v, linked to %v", of, links)
	}
	if says(ended[0], "bellhop.order.count") != "3" || says(ended[0], "bellhop.push.status") != "pending" ||
		says(ended[0], "error.type") != string(push.ReasonQuota) || ended[0].Status().Code != codes.Error ||
		says(ended[0], "bellhop.attempt") != "2" {
		t.Errorf("the digest says %v, %v", ended[0].Attributes(), ended[0].Status())
	}
	if ended[1].Parent().TraceID().String() != traceOne[3:35] || len(ended[1].Links()) > 0 ||
		says(ended[1], "bellhop.order.id") != "820982911946154508" {
		t.Errorf("a push by itself is below %v, with %v", ended[1].Parent(), ended[1].Links())
	}
	for _, s := range ended {
		if text := fmt.Sprint(s.Attributes()); strings.Contains(text, "Jo Lee") || strings.Contains(text, "address") ||
			strings.Contains(text, "120450") {
			t.Errorf("a span says %s", text)
		}
	}
}
