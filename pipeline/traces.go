package pipeline

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"bellhop"
	"bellhop/store"
)

// Traces makes the spans of the steps, named and described by OpenTelemetry's
// conventions (https://opentelemetry.io/docs/specs/semconv/messaging/). A nil
// *Traces makes none and costs nothing.
//
// The webhook decides once whether an order is traced. From there on its spans
// follow [bellhop.Event.TraceParent], which is "" for an untraced order. No span
// has data of customers or texts of errors, but only the errors' codes.
type Traces struct {
	Tracer trace.Tracer
	// The queue's name and both systems describe them in spans.
	Queue       string
	QueueSystem string // messaging.system: "rabbitmq"
	Database    string // db.system.name: "postgresql"
}

// bellhop's own keys. Ids are strings, as everywhere outside.
const (
	keyShop    = attribute.Key("bellhop.shop")
	keyTopic   = attribute.Key("bellhop.topic")
	keyEvent   = attribute.Key("bellhop.event.id")
	keyOrder   = attribute.Key("bellhop.order.id")
	keyOrders  = attribute.Key("bellhop.order.count")
	keyOutcome = attribute.Key("bellhop.outcome")
	keyReason  = attribute.Key("bellhop.reason")
	keyAttempt = attribute.Key("bellhop.attempt")
	keyPush    = attribute.Key("bellhop.push.id")
	keyStatus  = attribute.Key("bellhop.push.status")
	keyDevice  = attribute.Key("bellhop.device.id")
)

// parentOf reads a TraceParent; an invalid or unsampled one gives an invalid
// parent.
func parentOf(traceParent string) (parent trace.SpanContext) {
	if traceParent == "" {
		return parent
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceParent})
	if sc := trace.SpanContextFromContext(ctx); sc.IsSampled() {
		parent = sc
	}
	return parent
}

// traceParent makes the text that parentOf reads.
func traceParent(sc trace.SpanContext) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), sc), carrier)
	return carrier["traceparent"]
}

// fail marks a span by an error's code alone.
func fail(s trace.Span, code string) {
	s.SetAttributes(attribute.String("error.type", code))
	s.SetStatus(codes.Error, "")
}

// eventAttributes identify an event.
func eventAttributes(e *bellhop.Event) []attribute.KeyValue {
	return []attribute.KeyValue{keyShop.String(e.Shop), keyTopic.String(e.Topic), keyEvent.String(e.ID.String())}
}

// messaging describes an operation at the queue.
func (t *Traces) messaging(kind, operation string, e *bellhop.Event) []attribute.KeyValue {
	return append(eventAttributes(e), attribute.String("messaging.system", t.QueueSystem),
		attribute.String("messaging.destination.name", t.Queue), attribute.String("messaging.operation.type", kind),
		attribute.String("messaging.operation.name", operation), attribute.String("messaging.message.id", e.ID.String()))
}

// send begins the span of sending an event to the queue, and notes it in the event;
// nil if the request is not traced.
func (t *Traces) send(ctx context.Context, e *bellhop.Event) trace.Span {
	if t == nil {
		return nil
	}
	request := trace.SpanFromContext(ctx)
	if !request.IsRecording() {
		return nil
	}
	request.SetAttributes(eventAttributes(e)...)
	_, span := t.Tracer.Start(ctx, "send "+t.Queue, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(t.messaging("send", "send", e)...))
	if sc := span.SpanContext(); sc.IsSampled() {
		e.TraceParent = traceParent(sc)
	}
	return span
}

func endSend(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil {
		fail(span, codeOf(err))
	}
	span.End()
}

// record begins a span for each traced fact of a transaction; nil where there is
// none.
func (t *Traces) record(ctx context.Context, facts []bellhop.Fact) (spans []trace.Span) {
	if t == nil {
		return nil
	}
	w := workOf(ctx)
	for i, f := range facts {
		parent := w.parent(f.Event)
		if !parent.IsValid() {
			continue
		}
		if spans == nil {
			spans = make([]trace.Span, len(facts))
		}
		_, spans[i] = t.Tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parent), "record",
			trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(append(eventAttributes(f.Event), keyOrder.String(strconv.FormatInt(f.OrderID, 10)),
				attribute.String("db.system.name", t.Database), attribute.String("db.operation.name", "record"),
				attribute.Int("db.operation.batch.size", len(facts)))...))
	}
	return spans
}

func endRecord(spans []trace.Span, results []bellhop.Result, err error) {
	for i, s := range spans {
		if s == nil {
			continue
		}
		if err != nil {
			fail(s, codeOf(err))
		} else {
			s.SetAttributes(keyOutcome.String(string(results[i].Outcome)), keyReason.String(results[i].Reason))
		}
		s.End()
	}
}

// push begins the span of one attempt at a push, if one of its orders is traced. It
// belongs to the trace of the newest, which triggered the push, and is linked to
// all. It is nil if none is traced.
func (t *Traces) push(ctx context.Context, o store.Owed) trace.Span {
	if t == nil {
		return nil
	}
	var parent trace.SpanContext
	var links []trace.Link
	for _, order := range o.Orders {
		if sc := parentOf(order.TraceParent); sc.IsValid() {
			parent = sc
			links = append(links, trace.Link{SpanContext: sc,
				Attributes: []attribute.KeyValue{keyOrder.String(strconv.FormatInt(order.ID, 10))}})
		}
	}
	if !parent.IsValid() {
		return nil
	}
	about := []attribute.KeyValue{keyShop.String(o.Device.Shop), keyDevice.String(strconv.FormatInt(o.Device.ID, 10)),
		keyAttempt.Int(o.Attempt)}
	if len(o.Orders) == 1 {
		links = nil // it is the parent
		about = append(about, keyOrder.String(strconv.FormatInt(o.Orders[0].ID, 10)),
			keyPush.String(strconv.FormatInt(o.Pushes[0], 10)))
	} else {
		about = append(about, keyOrders.Int(len(o.Orders)))
	}
	_, span := t.Tracer.Start(trace.ContextWithRemoteSpanContext(ctx, parent), "push "+string(o.Kind),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about...), trace.WithLinks(links...))
	return span
}

// endPush ends the span with the attempt's outcome.
func endPush(span trace.Span, s store.Settled, err error) {
	if span == nil {
		return
	}
	span.SetAttributes(keyStatus.String(string(s.Status)))
	if err != nil {
		fail(span, s.Reason)
	}
	span.End()
}
