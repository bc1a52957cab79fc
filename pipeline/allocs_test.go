//go:build !race

package pipeline_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/simulate"
)

// TestWithoutTracesNothingIsAllocated compares the steps' allocations without traces, and
// with events of no trace.
func TestWithoutTracesNothingIsAllocated(t *testing.T) {
	a, _ := newAcceptor(t)
	a.Queue = nowhere{}
	body := []byte(`{}`)
	h := headers(domain, app, body)
	ctx := t.Context()
	accept := func() {
		if err := a.Accept(ctx, h, body); err != nil {
			t.Fatal(err)
		}
	}
	b := &books{record: func(facts []bellhop.Fact) ([]bellhop.Result,
		error) {
		return make([]bellhop.Result, len(facts)), nil
	}}
	r := &pipeline.Recorder{Store: b, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))}
	batch := []queue.Delivery{{Event: order(
		`{` + simulate.Blank + `"id":1,"currency":"USD","total_price":"1.00","line_items":[],"created_at":"2026-11-22T09:00:00Z",` +
			`"updated_at":"2026-11-22T09:00:00Z"}`)}}
	events := []*bellhop.Event{batch[0].Event}
	record := func() {
		ctx, work := r.Traces.Process(ctx, batch)
		for i, done := range r.Record(ctx, events) {
			work.Done(events[i], done, queue.Ack)
		}
	}
	traces, _ := newTraces(sdktrace.AlwaysSample())
	for name, step := range map[string]func(){"accept": accept, "record": record} {
		a.Traces, r.Traces = nil, nil
		off := testing.AllocsPerRun(200, step)
		a.Traces, r.Traces = traces, traces
		if on := testing.AllocsPerRun(200, step); on != off {
			t.Errorf("%s allocates %v times without traces and %v times for untraced events", name, off, on)
		}
	}
	a.Traces, r.Traces = nil, nil
	if n := testing.AllocsPerRun(200, accept); n > acceptAllocations {
		t.Errorf("accepting allocates %v times, before there were traces %d", n, acceptAllocations)
	}
	if n := testing.AllocsPerRun(200, func() {
		_,
			work := r.Traces.Process(ctx, batch)
		work.Done(events[0], pipeline.Recorded{}, queue.Ack)
	}); n > 0 {
		t.Errorf("no work allocates %v times", n)
	}
}

// acceptAllocations is the number of allocations per webhook before there were
// traces.
const acceptAllocations = 3

// nowhere is a queue that returns at once.
type nowhere struct{}

func (nowhere) Send(context.Context, ...*bellhop.Event) error { return nil }
