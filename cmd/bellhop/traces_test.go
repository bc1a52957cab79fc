package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"bellhop/simulate"
	"bellhop/store/sealed"
)

// tracedWay is a queue and a store, with their names in spans.
type tracedWay struct {
	name             string
	env              func(t *testing.T, queue string) []string
	queue, database  string // messaging.system and db.system.name
	separateServices bool
}

func tracedWays() []tracedWay {
	sqlite := func(*testing.T, string) []string { return nil }
	inPostgres := func(t *testing.T, _ string) []string {
		return []string{"BELLHOP_DB=" + newPostgres(t), "BELLHOP_KEY=" + sealed.MakeKey(), "BELLHOP_QUEUE=postgres:"}
	}
	sqs := func(t *testing.T, name string) []string {
		server, err := theSQS()
		skipWithout(t, "sqs", err)
		return []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true",
			fmt.Sprintf("BELLHOP_QUEUE=sqs+http://%s/000000000000/%s?region=us-east-1", strings.TrimPrefix(server.Endpoint, "http://"), name)}
	}
	rabbit := func(t *testing.T, _ string) []string {
		server, err := theRabbitMQ()
		skipWithout(t, "rabbitmq", err)
		vhost, err := server.NewVHost(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return []string{"BELLHOP_QUEUE=" + server.URL(vhost)}
	}
	return []tracedWay{
		{"sqlite", sqlite, "sqlite", "sqlite", false},
		{"sqlite, separate services", sqlite, "sqlite", "sqlite", true},
		{"sqs", sqs, "aws_sqs", "sqlite", false},
		{"sqs, separate services", sqs, "aws_sqs", "sqlite", true},
		{"rabbitmq", rabbit, "rabbitmq", "sqlite", false},
		{"rabbitmq, separate services", rabbit, "rabbitmq", "sqlite", true},
		{"postgres", inPostgres, "postgresql", "postgresql", false},
		{"postgres, separate services", inPostgres, "postgresql", "postgresql", true},
	}
}

// queueName is unique among those in a stand-in for SQS.
func (w tracedWay) queueName() string {
	if w.queue == "aws_sqs" {
		return fmt.Sprintf("traced-%v", w.separateServices)
	}
	return "orders"
}

func newPostgres(t *testing.T) string {
	server, err := thePostgres()
	skipWithout(t, "postgres", err)
	name, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server.URL(name)
}

func skipWithout(t *testing.T, server string, err error) {
	t.Helper()
	if ok, bad := servers(server); bad != nil || err != nil && ok {
		t.Fatal(bad, err)
	} else if !ok {
		t.Skipf("%s is not installed", server)
	}
}

// planted is data that no span may have: of the customer, secrets, tokens.
var planted = []string{"Planted", "planted@example.com", "plantedsecret", "planted-device-token", "planted-collector",
	"+81-90-0000", "Tee of the planted"}

// TestTraces follows one webhook from the request to the push through whole processes,
// by the spans that they send to a collector.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, way := range tracedWays() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			c := startCollector(t)
			r := &rig{t: t, env: append(way.env(t, way.queueName()), "BELLHOP_DIR="+t.TempDir(),
				"BELLHOP_SHOPIFY_SECRET=plantedsecret",
				"OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20planted-collector",
				"OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_SERVICE_NAME=bells",
				"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")}
			at := r.start(way)
			token := strings.TrimSpace(r.run("token", "create", "--shop", "demo.myshopify.com", "--name", "ci"))
			r.put(at+"/v1/devices/phone-1", token,
				`{"kind":"token","value":"planted-device-token","platform":"android","form":"data","locale":"en","timezone":"UTC"}`)
			r.post(at+"/webhooks/shopify", 450789469)
			checkTrace(t, c, way)
			r.stop()
			checkSilence(t, c, token)
		})
	}
}

// checkTrace checks that an order's spans are in one trace, each below the right one.
func checkTrace(t *testing.T, c *otelCollector, way tracedWay) {
	t.Helper()
	push := c.wait(t, "push order.new", func(s span) bool { return s.says("bellhop.order.id") == "450789469" })
	mine := func(s span) bool { return s.trace() == push.trace() }
	webhook, send := c.wait(t, "POST /webhooks/shopify", mine), c.wait(t, "send "+way.queueName(), mine)
	process, record := c.wait(t, "process "+way.queueName(), mine), c.wait(t, "record", mine)
	c.wait(t, "PUT /v1/devices/{installation}", func(s span) bool { return !mine(s) && len(s.ParentSpanId) == 0 })
	for _, want := range []struct {
		what          string
		child, parent span
		kind          otlp.Span_SpanKind
		says          map[string]string
	}{
		{"send", send, webhook, otlp.Span_SPAN_KIND_PRODUCER, map[string]string{"messaging.system": way.queue,
			"messaging.destination.name": way.queueName(), "messaging.operation.type": "send"}},
		{"process", process, send, otlp.Span_SPAN_KIND_CONSUMER, map[string]string{"bellhop.outcome": "recorded",
			"bellhop.attempt":  "1",
			"bellhop.order.id": "450789469", "messaging.message.id": send.says("messaging.message.id")}},
		{"record", record, process, otlp.Span_SPAN_KIND_CLIENT, map[string]string{"db.system.name": way.database,
			"db.operation.batch.size": "1", "bellhop.outcome": "recorded"}},
		{"push", push, send, otlp.Span_SPAN_KIND_CLIENT, map[string]string{"bellhop.push.status": "sent",
			"bellhop.attempt": "1",
			"bellhop.shop":    "demo.myshopify.com"}},
	} {
		if !bytes.Equal(want.child.ParentSpanId, want.parent.SpanId) {
			t.Errorf("%s is not below %s", want.what, want.parent.Name)
		}
		if want.child.Kind != want.kind {
			t.Errorf("%s is of kind %v", want.what, want.child.Kind)
		}
		for name, value := range want.says {
			if got := want.child.says(name); got != value {
				t.Errorf("%s says of %s %q, want %q", want.what, name, got, value)
			}
		}
	}
	checkRoot(t, webhook)
}

// checkRoot checks that a request gets a trace of its own, whatever it claims.
func checkRoot(t *testing.T, webhook span) {
	t.Helper()
	if webhook.Kind != otlp.Span_SPAN_KIND_SERVER || len(webhook.ParentSpanId) > 0 || webhook.trace() == claimed {
		t.Errorf("the webhook is %v", webhook)
	}
	if len(webhook.Links) != 1 || fmt.Sprintf("%x", webhook.Links[0].TraceId) != claimed ||
		webhook.Links[0].TraceState != "" {
		t.Errorf("the webhook has the links %v", webhook.Links)
	}
	if webhook.process["service.name"] != "bells" || webhook.process["deployment.environment.name"] != "test" {
		t.Errorf("the process says %v", webhook.process)
	}
}

// checkSilence looks for planted data in all spans.
func checkSilence(t *testing.T, c *otelCollector, token string) {
	t.Helper()
	raw, spans := c.everything()
	for _, secret := range append(slices.Clone(planted), token) {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("the collector got %q", secret)
		}
	}
	if c.token != "Bearer planted-collector" {
		t.Errorf("the collector was shown %q", c.token)
	}
	if len(spans) < 6 {
		t.Errorf("there were only %d spans", len(spans))
	}
}

// rig are the processes of a way.
type rig struct {
	t     *testing.T
	env   []string
	began []*background
}

// start starts a way's processes, and returns the webhooks' target.
func (r *rig) start(way tracedWay) (url string) {
	r.t.Helper()
	if way.queue == "aws_sqs" {
		r.run("queue", "create")
	}
	r.run("migrate")
	r.run("shop", "add", "demo.myshopify.com")
	serve := []string{"serve", "--addr", "127.0.0.1:0"}
	if way.separateServices {
		serve = append(serve, "--no-worker")
	}
	at := r.background(regexp.MustCompile(`"ready","addr":"([^"]+)"`), serve...)
	if way.separateServices {
		r.background(regexp.MustCompile(`"ready"(,)`), "worker", "--steps", "record")
		r.background(regexp.MustCompile(`"ready"(,)`), "worker", "--steps", "notify")
	}
	return "http://" + at
}

func (r *rig) command(args ...string) *exec.Cmd {
	cmd := exec.Command("bellhop", args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BELLHOP_") && !strings.HasPrefix(kv, "OTEL_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, r.env...)
	return cmd
}

func (r *rig) run(args ...string) string {
	r.t.Helper()
	cmd := r.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("bellhop %v: %v\n%s", args, err, &stderr)
	}
	return string(out)
}

// background starts a command, and waits for a line.
func (r *rig) background(line *regexp.Regexp, args ...string) (caught string) {
	r.t.Helper()
	cmd := r.command(args...)
	b := &background{cmd: cmd, output: &strings.Builder{}, ended: make(chan struct{})}
	pipe, writer, err := os.Pipe()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	writer.Close()
	ready := make(chan string, 1)
	go b.read(pipe, line, ready)
	r.t.Cleanup(func() {
		cmd.Process.Kill() // fails if it has ended
		<-b.ended
		if r.t.Failed() {
			r.t.Logf("bellhop %v:\n%s", args, b.output)
		}
	})
	r.began = append(r.began, b)
	select {
	case caught = <-ready:
	case <-b.ended:
		r.t.Fatalf("bellhop %v ended: %s", args, b.output)
	case <-time.After(patience):
		r.t.Fatalf("bellhop %v is not ready", args)
	}
	return caught
}

// stop ends the processes, which send their last spans then.
func (r *rig) stop() {
	r.t.Helper()
	for _, b := range r.began {
		if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			r.t.Error(err)
		}
	}
	for _, b := range r.began {
		select {
		case <-b.ended:
		case <-time.After(patience):
			r.t.Fatalf("bellhop %v does not end", b.cmd.Args[1:])
		}
		if b.err != nil {
			r.t.Errorf("bellhop %v: %v", b.cmd.Args[1:], b.err)
		}
	}
}

func (r *rig) put(url, token, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	r.do(req)
}

// claimed is the trace that a webhook claims.
const claimed = "0af7651916cd43dd8448eb211c80319c"

func (r *rig) post(url string, id int64) {
	r.t.Helper()
	now := time.Now().UTC().Format(time.RFC3339)
	body := fmt.Appendf(nil, `{`+simulate.Blank+`"id":%d,"name":"#1001","order_number":1001,"currency":"USD","total_price":"403.00","line_items":[],`+
		`"email":"planted@example.com",`+
		`"note":"Planted note","phone":"+81-90-0000","customer":{"first_name":"Planted","last_name":"Customer"},`+
		`"financial_status":"paid",`+
		`"created_at":"%s","updated_at":"%s","line_items":[{`+simulate.BlankLine+`"id":1,`+
		`"title":"Tee of the planted","quantity":2,`+
		`"price":"19.90"}]}`, id, now, now)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("plantedsecret"))
	mac.Write(body)
	for k, v := range map[string]string{"X-Shopify-Topic": "orders/create",
		"X-Shopify-Hmac-Sha256": base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		"X-Shopify-Shop-Domain": "demo.myshopify.com", "X-Shopify-API-Version": "2026-10", "X-Shopify-Webhook-Id": "w-1",
		"traceparent": "00-" + claimed + "-b7ad6b7169203331-01", "tracestate": "planted=Planted"} {
		req.Header.Set(k, v)
	}
	r.do(req)
}

func (r *rig) do(req *http.Request) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(req.Context(), patience)
	defer cancel()
	answer, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		r.t.Fatalf("%s answered %d: %s", req.URL, answer.StatusCode, body)
	}
}
