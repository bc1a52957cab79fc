package wire

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	otelresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"bellhop/pipeline"
)

// Telemetry sends the spans of this process to a collector, beside the work: it delays
// nothing, and drops what it can't send. A nil *Telemetry has none.
type Telemetry struct {
	provider *sdktrace.TracerProvider
}

// OpenTelemetry reads OpenTelemetry's standard variables
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)
// and returns nil unless they name a collector. It does not reach for one.
func OpenTelemetry(ctx context.Context, version string, log *slog.Logger, now func() time.Time) (*Telemetry, error) {
	if wanted, err := telemetryWanted(); err != nil || !wanted {
		return nil, err
	}
	about, err := otelresource.New(ctx, otelresource.WithTelemetrySDK(),
		otelresource.WithAttributes(attribute.String("service.name", "bellhop"), attribute.String("service.version", version),
			attribute.String("service.instance.id", uuid.NewString())), otelresource.WithFromEnv())
	if err != nil {
		return nil, WrongSetting("OTEL_RESOURCE_ATTRIBUTES", "it can't be read",
			"give NAME=VALUE, several separated by commas")
	}
	to, err := newCollector()
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	return &Telemetry{sdktrace.NewTracerProvider(sdktrace.WithResource(about),
		sdktrace.WithBatcher(&patientExporter{SpanExporter: exporter, log: log, now: now}))}, nil
}

// Traces returns the maker of the steps' spans, nil without telemetry.
func (t *Telemetry) Traces(s *Storage, queueName string) *pipeline.Traces {
	if t == nil {
		return nil
	}
	return &pipeline.Traces{Tracer: t.provider.Tracer("bellhop"), Database: systemOf(s.DB),
		Queue: queueName, QueueSystem: systemOf(s.Queue)}
}

// systemOf returns OpenTelemetry's name for a URL's system.
func systemOf(setting string) string {
	switch scheme, _, _ := strings.Cut(setting, ":"); scheme {
	case "postgres", "postgresql":
		return "postgresql"
	case "sqs", "sqs+http", "sqs+https":
		return "aws_sqs"
	case "amqp", "amqps":
		return "rabbitmq"
	default:
		return scheme
	}
}

// flushTimeout bounds how long an ending process waits for the collector.
const flushTimeout = 3 * time.Second

// Close sends the last spans, as far as flushTimeout allows.
func (t *Telemetry) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the exporter logged it
}

// patientExporter logs failures, once in a while, and goes on.
type patientExporter struct {
	sdktrace.SpanExporter
	log *slog.Logger
	now func() time.Time

	mu       sync.Mutex
	lost     int // since loggedAt
	loggedAt time.Time
}

// complainEvery is how often the log says that spans are lost.
const complainEvery = time.Minute

// ExportSpans implements sdktrace.SpanExporter.
func (p *patientExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := p.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost += len(spans)
	if now := p.now(); p.loggedAt.IsZero() || now.Sub(p.loggedAt) >= complainEvery {
		p.log.Warn("traces are lost: the collector accepts none", "spans", p.lost, "err", err)
		p.lost, p.loggedAt = 0, now
	}
	return nil
}

// telemetryWanted reports whether the variables name a collector. It refuses settings
// that OpenTelemetry's own code would replace by a default, or ignore.
func telemetryWanted() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	switch {
	case exporter == "none":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, WrongSetting("OTEL_TRACES_EXPORTER", fmt.Sprintf("there is no exporter %q", exporter),
			"give otlp or none")
	}
	name, endpoint := firstSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" && exporter == "" {
		return false, nil
	}
	if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" &&
		u.Scheme != "https") {
		// without the value: it may hold a password
		return false, WrongSetting(name, "it is not an address", "give http://HOST:4318 or https://HOST:4318")
	}
	return true, cmp.Or(checkProtocol(), checkHeaders(), checkSampler())
}

// firstSet returns the first variable that is set, and its value.
func firstSet(names ...string) (name, value string) {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return name, v
		}
	}
	return names[0], ""
}

func checkProtocol() error {
	name, protocol := firstSet("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
	if protocol == "" || protocol == "http/protobuf" {
		return nil
	}
	return WrongSetting(name, fmt.Sprintf("bellhop does not speak %q", protocol),
		"give http/protobuf, and the collector's port for it, which usually is 4318")
}

// headerName is a token of HTTP (RFC 9110, 5.6.2).
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func checkHeaders() error {
	name, headers := firstSet("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
	for header := range strings.SplitSeq(headers, ",") {
		key, value, ok := strings.Cut(header, "=")
		_, err := url.PathUnescape(value)
		if headers != "" && (!ok || !headerName.MatchString(strings.TrimSpace(key)) || err != nil) {
			// without the value: it may hold a token
			return WrongSetting(name, "one is not NAME=VALUE",
				"give NAME=VALUE, several separated by commas, with % and , in values written as %25 and %2C")
		}
	}
	return nil
}

func checkSampler() error {
	all := []string{"", "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off",
		"parentbased_traceidratio"}
	sampler := os.Getenv("OTEL_TRACES_SAMPLER")
	if !slices.Contains(all, sampler) {
		return WrongSetting("OTEL_TRACES_SAMPLER", fmt.Sprintf("there is no sampler %q", sampler),
			"give one of "+strings.Join(all[1:], ", "))
	}
	arg := os.Getenv("OTEL_TRACES_SAMPLER_ARG")
	if ratio, err := strconv.ParseFloat(arg, 64); strings.HasSuffix(sampler, "traceidratio") && arg != "" &&
		(err != nil || ratio < 0 || ratio > 1) {
		return WrongSetting("OTEL_TRACES_SAMPLER_ARG", fmt.Sprintf("%q is not a share", arg),
			"give a number from 0 to 1, such as 0.1")
	}
	return nil
}
