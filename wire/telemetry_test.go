package wire_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/wire"
)

func TestTelemetryIsAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"nothing is set":   {nil, false},
		"a collector":      {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true},
		"one for traces":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://127.0.0.1:1/v1/traces"}, true},
		"the usual one":    {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		"no exporter":      {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, false},
		"disabled":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, false},
		"disabled and odd": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_SDK_DISABLED": "true"}, false},
		"protocol alone":   {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			setOnly(t, test.env)
			tel, err := wire.OpenTelemetry(t.Context(), "1", slog.New(slog.DiscardHandler), time.Now)
			if err != nil || (tel != nil) != test.want {
				t.Fatalf("%v, %v; want it: %v", tel, err, test.want)
			}
			if traces := tel.Traces(&wire.Storage{DB: "sqlite:", Queue: "amqps://h/v"}, "orders"); (traces != nil) != test.want {
				t.Errorf("traces: %v", traces)
			} else if traces != nil && (traces.QueueSystem != "rabbitmq" || traces.Database != "sqlite") {
				t.Errorf("traces of %+v", traces)
			}
			tel.Close(t.Context())
		})
	}
}

// setOnly sets variables, and none of OpenTelemetry's beside them.
func setOnly(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS",
		"OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"} {
		t.Setenv(name, env[name])
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// TestTelemetryNamesWhatIsWrong checks that each wrong setting ends the start with a line
// that names it, and shows no secret.
func TestTelemetryNamesWhatIsWrong(t *testing.T) {
	for setting, value := range map[string]string{
		"OTEL_TRACES_EXPORTER":               "zipkin",
		"OTEL_EXPORTER_OTLP_ENDPOINT":        "secret@collector:4318",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "grpc://secret@collector:4317",
		"OTEL_EXPORTER_OTLP_PROTOCOL":        "grpc",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
		"OTEL_EXPORTER_OTLP_HEADERS":         "authorization: secret",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS":  "api-key=secret%zz",
		"OTEL_TRACES_SAMPLER":                "sometimes",
		"OTEL_RESOURCE_ATTRIBUTES":           "secret",
	} {
		t.Run(setting, func(t *testing.T) {
			setOnly(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", setting: value})
			wrongTelemetry(t, setting)
		})
	}
	t.Run("a header's name", func(t *testing.T) {
		setOnly(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
			"OTEL_EXPORTER_OTLP_HEADERS": "api key=secret"})
		wrongTelemetry(t, "OTEL_EXPORTER_OTLP_HEADERS")
	})
	t.Run("OTEL_TRACES_SAMPLER_ARG", func(t *testing.T) {
		setOnly(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_SAMPLER": "traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": "10%"})
		wrongTelemetry(t, "OTEL_TRACES_SAMPLER_ARG")
	})
}

func wrongTelemetry(t *testing.T, setting string) {
	t.Helper()
	_, err := wire.OpenTelemetry(t.Context(), "1", slog.New(slog.DiscardHandler), time.Now)
	if bellhop.KindOf(err) != bellhop.Invalid || !strings.HasPrefix(err.Error(), setting+": ") ||
		strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it says %v", err)
	}
}

// lines is a log for concurrent readers and writers.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// TestCollectorAway makes too many spans for a collector that refuses all: nothing waits,
// the log has one line, and the end is quick.
func TestCollectorAway(t *testing.T) {
	refused := make(chan struct{}, 1000)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		refused <- struct{}{}
	}))
	defer collector.Close()
	setOnly(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL,
		"OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret",
		"OTEL_BSP_SCHEDULE_DELAY":    "10"})
	log := &lines{}
	tel, err := wire.OpenTelemetry(t.Context(), "1", slog.New(slog.NewTextHandler(log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	traces := tel.Traces(&wire.Storage{}, "orders")
	for range 5000 {
		_, span := traces.Tracer.Start(t.Context(), "one")
		span.End()
	}
	<-refused
	_, span := traces.Tracer.Start(t.Context(), "another")
	span.End()
	tel.Close(t.Context())
	if said := log.String(); strings.Count(said, "traces are lost") != 1 || strings.Contains(said, "secret") {
		t.Errorf("the log says %q", said)
	}
}

// TestCollectorSilent makes a collector take connections and never answer: the end does
// not wait for it.
func TestCollectorSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	setOnly(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + l.Addr().String()})
	tel, err := wire.OpenTelemetry(t.Context(), "1", slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Traces(&wire.Storage{}, "orders").Tracer.Start(t.Context(), "one")
	span.End()
	ended, done := context.WithCancel(t.Context())
	go func() { defer done(); tel.Close(context.Background()) }()
	select {
	case <-ended.Done():
	case <-time.After(time.Minute):
		t.Error("the end waits for the collector")
	}
}
