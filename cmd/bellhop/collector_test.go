package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otelCollector stands in for OpenTelemetry's collector: it keeps requests as bytes and
// as spans.
type otelCollector struct {
	*httptest.Server

	mu    sync.Mutex
	raw   bytes.Buffer
	token string
	spans []span
	came  chan struct{} // closed when more comes
}

// span is a span with its process's attributes.
type span struct {
	*otlp.Span
	process map[string]string
}

func startCollector(t *testing.T) *otelCollector {
	t.Helper()
	c := &otelCollector{came: make(chan struct{})}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Server.Close)
	return c
}

func (c *otelCollector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "this is no OTLP", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(body)
	c.token = r.Header.Get("Authorization")
	for _, of := range request.ResourceSpans {
		process := texts(of.Resource.Attributes)
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, process})
			}
		}
	}
	close(c.came)
	c.came = make(chan struct{})
}

// texts are attributes as text, by their names.
func texts(all []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range all {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[kv.Key] = fmt.Sprint(v.IntValue)
		default:
			out[kv.Key] = kv.Value.String()
		}
	}
	return out
}

func (s span) says(name string) string { return texts(s.Attributes)[name] }

func (s span) trace() string { return hex.EncodeToString(s.TraceId) }

// wait returns the first span of a name that fits.
func (c *otelCollector) wait(t *testing.T, name string, fits func(span) bool) span {
	t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		came, names := c.came, []string{}
		for _, s := range c.spans {
			if s.Name == name && fits(s) {
				c.mu.Unlock()
				return s
			}
			names = append(names, s.Name)
		}
		c.mu.Unlock()
		select {
		case <-came:
		case <-limit:
			t.Fatalf("no span %q that fits among %q", name, names)
		}
	}
}

func (c *otelCollector) everything() (raw []byte, spans []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes()), append([]span(nil), c.spans...)
}
