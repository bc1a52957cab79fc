package pipeline

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"bellhop"
	"bellhop/queue"
)

// Work is the processing of a batch of events, with a span for each traced event:
// from Receive to Settle. A nil *Work has no spans.
//
// The batch has no span of its own. It would belong to no order's trace, and be
// sampled by itself. The spans say how many events shared a transaction.
type Work struct {
	spans map[bellhop.EventID]trace.Span
}

type workKey struct{}

// Process begins the work at a batch. Recording under the context that it returns
// belongs to the work.
func (t *Traces) Process(ctx context.Context, batch []queue.Delivery) (context.Context, *Work) {
	if t == nil {
		return ctx, nil
	}
	var w *Work
	for _, d := range batch {
		parent := parentOf(d.Event.TraceParent)
		if !parent.IsValid() || w != nil && w.spans[d.Event.ID] != nil {
			continue
		}
		if w == nil {
			w = &Work{spans: map[bellhop.EventID]trace.Span{}}
		}
		_, w.spans[d.Event.ID] = t.Tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parent), "process "+t.Queue,
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(append(t.messaging("process", "process", d.Event), keyAttempt.Int(d.Attempt))...))
	}
	if w == nil {
		return ctx, nil
	}
	return context.WithValue(ctx, workKey{}, w), w
}

func workOf(ctx context.Context) *Work {
	w, _ := ctx.Value(workKey{}).(*Work)
	return w
}

// parent is the parent of an event's spans: its processing, or without that its
// sender.
func (w *Work) parent(e *bellhop.Event) trace.SpanContext {
	if w != nil {
		if s := w.spans[e.ID]; s != nil {
			return s.SpanContext()
		}
	}
	return parentOf(e.TraceParent)
}

// Done ends the span of an event with its result and its verdict.
func (w *Work) Done(e *bellhop.Event, r Recorded, v queue.Verdict) {
	if w == nil || w.spans[e.ID] == nil {
		return
	}
	s := w.spans[e.ID]
	if r.OrderID != 0 {
		s.SetAttributes(keyOrder.String(strconv.FormatInt(r.OrderID, 10)))
	}
	outcome := r.Outcome
	if r.Err != nil {
		fail(s, codeOf(r.Err))
		if outcome = "retry"; v == queue.DeadLetter {
			outcome = bellhop.OutcomeDead
		}
	}
	s.SetAttributes(keyOutcome.String(string(outcome)))
	s.End()
}
