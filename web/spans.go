package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Spans makes the spans of requests, by OpenTelemetry's conventions for HTTP. The
// zero value makes none. They say which route it was and never its address:
// a query may name a customer.
type Spans struct{ Tracer trace.Tracer }

// Begin begins the span of a request; nil if there is none. The span is the root of a new trace:
// a client may claim any trace, so its claim becomes a link and decides nothing. Only a request
// whose span is kept passes one on.
func (s Spans) Begin(r *http.Request) (*http.Request, trace.Span) {
	if s.Tracer == nil {
		return r, nil
	}
	options := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method(r)))}
	if len(r.Header["Traceparent"]) == 1 {
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
		if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: sc.WithTraceState(trace.TraceState{})}))
		}
	}
	ctx, span := s.Tracer.Start(r.Context(), method(r), options...)
	if !span.IsRecording() {
		return r, nil
	}
	return r.WithContext(ctx), span
}

// method is the request's method, or the conventions' word for an unknown one.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return r.Method
	}
	return "_OTHER"
}

// EndSpan ends the span with the route and the status. A client's mistake is no error of the
// server.
func EndSpan(span trace.Span, r *http.Request, route string, status int) {
	if span == nil {
		return
	}
	span.SetName(method(r) + " " + route)
	span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
		span.SetStatus(otelcodes.Error, "")
	}
	span.End()
}

// traced reports whether a request is one of the API's and no stream.
func traced(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/v1/") && r.URL.Path != StreamPath
}
