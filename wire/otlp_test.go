package wire

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func TestSpansAreSentAsTheVariablesSay(t *testing.T) {
	var got *http.Request
	var body []byte
	status, answer := http.StatusOK, []byte(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, _ = io.ReadAll(z)
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(status)
		w.Write(answer)
	}))
	defer server.Close()
	for name, value := range map[string]string{"ENDPOINT": server.URL + "/base/?token=secret", "TRACES_ENDPOINT": "",
		"HEADERS":     "authorization=Bearer%20x,a=b",
		"COMPRESSION": "gzip ", "TIMEOUT": "2000"} {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
	}
	c, err := newCollector()
	if err != nil {
		t.Fatal(err)
	}
	spans := []*tracepb.ResourceSpans{{SchemaUrl: "here"}}
	if err := c.UploadTraces(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	var data tracepb.TracesData
	if err := proto.Unmarshal(body, &data); err != nil || len(data.ResourceSpans) != 1 ||
		got.URL.String() != "/base/v1/traces" ||
		got.Header.Get("Authorization") != "Bearer x" || got.Header.Get("A") != "b" {
		t.Errorf("%v: %v %v", err, got.URL, got.Header)
	}
	partial := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3)
	partial = protowire.AppendString(protowire.AppendTag(partial, 2, protowire.BytesType), "too old")
	answer = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
	if err := c.UploadTraces(t.Context(), spans); err == nil ||
		!strings.Contains(err.Error(), "refused 3 spans: too old") {
		t.Errorf("spans that were refused: %v", err)
	}
	status = http.StatusBadRequest
	if err := c.UploadTraces(t.Context(), spans); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a bad request: %v", err)
	}
	gzipped := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00")
	status = http.StatusServiceUnavailable
	if again, err := c.post(t.Context(), gzipped); again != 0 || err == nil {
		t.Errorf("one that may pass: %v, %v", again, err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "nowhere.pem")
	if _, err := newCollector(); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_CERTIFICATE") {
		t.Errorf("a certificate that is not there: %v", err)
	}
}
