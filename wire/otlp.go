package wire

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"bellhop/internal/wait"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// collector sends spans over OTLP, HTTP with protobuf. OpenTelemetry's own client for
// that links gRPC, which weighs more than two megabytes.
type collector struct {
	url    string
	header http.Header
	gzip   bool
	http   *http.Client
}

var _ otlptrace.Client = (*collector)(nil)

// How OpenTelemetry's own client waits before it tries again, and how much of an
// answer it reads.
const (
	firstExportWait   = 5 * time.Second
	longestExportWait = 30 * time.Second
	exportPatience    = time.Minute
	exportAnswer      = 64 << 10
)

// otlpVariable reads one of OpenTelemetry's variables, that for traces first.
func otlpVariable(name string) (variable, value string) {
	variable, value = firstSet("OTEL_EXPORTER_OTLP_TRACES_"+name, "OTEL_EXPORTER_OTLP_"+name)
	return variable, strings.TrimSpace(value)
}

// otlpAddress reads an address without its query, which errors would show.
func otlpAddress(variable string) string {
	u, err := url.Parse(strings.TrimSpace(os.Getenv(variable)))
	if err != nil { // telemetryWanted has checked it
		return ""
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// newCollector reads the variables that [telemetryWanted] has checked.
func newCollector() (*collector, error) {
	c := &collector{header: http.Header{}}
	c.url = otlpAddress("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if c.url == "" {
		scheme := "https"
		if _, insecure := otlpVariable("INSECURE"); strings.EqualFold(insecure, "true") {
			scheme = "http"
		}
		c.url = strings.TrimSuffix(cmp.Or(otlpAddress("OTEL_EXPORTER_OTLP_ENDPOINT"), scheme+"://localhost:4318"), "/") +
			"/v1/traces"
	}
	_, headers := otlpVariable("HEADERS")
	for header := range strings.SplitSeq(headers, ",") {
		if name, value, ok := strings.Cut(header, "="); ok {
			value, _ = url.PathUnescape(value) // checkHeaders did
			c.header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	c.header.Set("Content-Type", "application/x-protobuf")
	c.header.Set("User-Agent", "bellhop")
	if _, compression := otlpVariable("COMPRESSION"); compression == "gzip" {
		c.gzip = true
		c.header.Set("Content-Encoding", "gzip")
	}
	timeout := 10 * time.Second
	if _, text := otlpVariable("TIMEOUT"); text != "" {
		if ms, err := strconv.Atoi(text); err == nil && ms > 0 {
			timeout = time.Duration(ms) * time.Millisecond
		}
	}
	trusted, err := collectorTLS()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trusted
	c.http = &http.Client{Transport: transport, Timeout: timeout}
	return c, nil
}

// collectorTLS returns nil where no variable names a certificate.
func collectorTLS() (*tls.Config, error) {
	c := &tls.Config{}
	caName, ca := otlpVariable("CERTIFICATE")
	if ca != "" {
		text, err := os.ReadFile(ca)
		if c.RootCAs = x509.NewCertPool(); err != nil || !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, WrongSetting(caName, "it has no certificate that can be read",
				"give the path of a file of certificates in PEM")
		}
	}
	certName, cert := otlpVariable("CLIENT_CERTIFICATE")
	_, key := otlpVariable("CLIENT_KEY")
	if cert != "" && key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, WrongSetting(certName, "it and its key can't be read",
				"give the paths of a certificate and of its key in PEM")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if c.RootCAs == nil && c.Certificates == nil {
		return nil, nil
	}
	return c, nil
}

// Start implements [otlptrace.Client].
func (c *collector) Start(context.Context) error { return nil }

// Stop implements [otlptrace.Client].
func (c *collector) Stop(context.Context) error { c.http.CloseIdleConnections(); return nil }

// UploadTraces implements [otlptrace.Client].
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// TracesData encodes as the request, whose own package links gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	if c.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(body); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		body = packed.Bytes()
	}
	began := time.Now()
	for pause := firstExportWait; ; pause = min(pause*3/2, longestExportWait) {
		again, err := c.post(ctx, body)
		if again < 0 || time.Since(began)+max(pause, again) > exportPatience {
			return err
		}
		if !wait.Pause(ctx, max(pause, again)) {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// post sends once. again is how long to wait before the next try; negative for none.
func (c *collector) post(ctx context.Context, body []byte) (again time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return -1, err
	}
	r.Header = c.header
	answer, err := c.http.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok && failed.Temporary() && ctx.Err() == nil {
		return 0, err
	}
	if err != nil {
		return -1, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, exportAnswer))
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return time.Duration(seconds) * time.Second, fmt.Errorf("the collector answers %s: %.200s", answer.Status, text)
	}
	if answer.StatusCode/100 != 2 {
		return -1, fmt.Errorf("the collector answers %s: %.200s", answer.Status, text)
	}
	if err == nil && answer.Header.Get("Content-Type") == "application/x-protobuf" {
		err = rejected(text)
	}
	return -1, err
}

// rejected reads from an answer how many spans the collector refused, and why.
func rejected(answer []byte) error {
	number, kind, n := protowire.ConsumeTag(answer)
	if n < 0 || number != 1 || kind != protowire.BytesType {
		return nil // it took all
	}
	partial, _ := protowire.ConsumeBytes(answer[n:])
	var spans uint64
	var why []byte
	for len(partial) > 0 {
		number, kind, n := protowire.ConsumeField(partial)
		if n < 0 {
			return protowire.ParseError(n)
		}
		_, _, tag := protowire.ConsumeTag(partial)
		switch {
		case number == 1 && kind == protowire.VarintType:
			spans, _ = protowire.ConsumeVarint(partial[tag:])
		case number == 2 && kind == protowire.BytesType:
			why, _ = protowire.ConsumeBytes(partial[tag:])
		}
		partial = partial[n:]
	}
	if spans == 0 && len(why) == 0 {
		return nil
	}
	return fmt.Errorf("the collector refused %d spans: %s", spans, why)
}
