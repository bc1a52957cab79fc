package ownproducer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/internal/realserver"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

const (
	shop   = "demo.myshopify.com"
	secret = "the app's secret"
)

// TestSQS and TestRabbitMQ run the example before bellhop's queue.
func TestSQS(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	s, err := realserver.StartSQS(context.Background())
	realserver.Need(t, err)
	t.Cleanup(func() { s.Close() })
	at := strings.TrimPrefix(s.Endpoint, "http://") + "/000000000000/orders?region=us-east-1"
	run(t, "sqs+http://"+at, "http://"+at)
}

func TestRabbitMQ(t *testing.T) {
	r, err := realserver.StartRabbitMQ(context.Background())
	realserver.Need(t, err)
	t.Cleanup(func() { r.Close() })
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run(t, r.URL(vhost), r.URL(vhost))
}

func run(t *testing.T, address, fromNode string) {
	w := openWorker(t, address)
	node := []string{"SHOPIFY_SECRET=" + secret, "QUEUE=" + fromNode}
	server := start(t, node...)
	body := order(t, 1)
	for n, want := range []bellhop.Outcome{bellhop.OutcomeRecorded, bellhop.OutcomeDuplicate} {
		post(t, server, "w1", body, shopify.Sign(secret, body), http.StatusOK)
		w.record(fmt.Sprintf("time %d", n+1), body, want)
	}
	post(t, server, "w2", body, shopify.Sign("a guess", body), http.StatusUnauthorized)
	post(t, server, "w2", body, strings.Repeat("\xe9", len(shopify.Sign(secret, body))), http.StatusUnauthorized)
	large := bytes.Replace(order(t, 2), []byte("{"), fmt.Appendf(nil, `{"unknown":"%s",`, noise(1<<20)), 1)
	post(t, server, "w3", large, shopify.Sign(secret, large), http.StatusOK)
	w.record("a large one", large, bellhop.OutcomeRecorded)
	server.Stop()

	preload, err := filepath.Abs("testdata/kill.cjs")
	if err != nil {
		t.Fatal(err)
	}
	dying := start(t, append(node, "NODE_OPTIONS=--require="+preload)...)
	body = order(t, 3)
	post(t, dying, "w4", body, shopify.Sign(secret, body), 0)
	w.record("killed before the answer", body, bellhop.OutcomeRecorded)
	again := start(t, node...)
	post(t, again, "w4", body, shopify.Sign(secret, body), http.StatusOK)
	w.record("repeated", body, bellhop.OutcomeDuplicate)
	page, err := w.parts.Store.Orders(t.Context(), shop, store.OrderQuery{})
	if err != nil || len(page.Orders) != 3 {
		t.Errorf("%d orders, %v, want 3", len(page.Orders), err)
	}
}

// order is the body of an order of Shopify's with an id of its own.
func order(t *testing.T, id int) []byte {
	t.Helper()
	body, err := os.ReadFile("../../shopify/testdata/orders_create.v2026_04.json")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`"id": ?\d+`).ReplaceAllLiteral(body, fmt.Appendf(nil, `"id":%d`, id))
}

// noise is text that does not compress well.
func noise(n int) []byte {
	rng, out := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range out {
		out[i] = "abcdefghijklmnopqrstuvwxyzABCDEF"[rng.IntN(32)]
	}
	return out
}

func start(t *testing.T, env ...string) *realserver.Script {
	t.Helper()
	s, err := realserver.StartScript(t.Context(), "server.cjs", env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// post delivers a webhook as Shopify does; want is 0 for no answer.
func post(t *testing.T, s *realserver.Script, webhook string, body []byte, signature string, want int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{shopify.HeaderTopic: "orders/create", shopify.HeaderShop: shop,
		shopify.HeaderAPIVersion: "2026-10", shopify.HeaderWebhookID: webhook,
		shopify.HeaderTriggeredAt: "2026-11-30T12:00:00.123456789Z", shopify.HeaderHMAC: signature} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err == nil {
		answer.Body.Close()
	}
	if err == nil && answer.StatusCode != want || (err == nil) == (want == 0) {
		s.Stop() // and says all
		t.Fatalf("webhook %s: %v, %v, want %d; the server said: %s", webhook, answer, err, want, s.Said())
	}
}

// worker records one event at a time.
type worker struct {
	t     *testing.T
	parts *wire.Parts
	steps *pipeline.Recorder
}

func openWorker(t *testing.T, address string) *worker {
	t.Helper()
	s := wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: address}
	b, err := s.OpenBroker(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = b.Broker.Create(t.Context(), queue.DefaultName, queue.DefaultAttributes())
	b.Close()
	if err != nil {
		t.Fatal(err)
	}
	parts, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	if err := parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	o := host.Options{Store: parts.Store, Queue: parts.Queue, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Keys: pipeline.NewKeyring(parts.Store, secret, "")}
	return &worker{t, parts, o.Recorder()}
}

func (w *worker) record(what string, body []byte, want bellhop.Outcome) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	all, err := w.parts.Queue.Receive(ctx, 10)
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%s: %d events, %v", what, len(all), err)
	}
	e := all[0].Event
	done := w.steps.Record(ctx, []*bellhop.Event{e})[0]
	if done.Err != nil || done.Outcome != want || !bytes.Equal(e.Body, body) || e.SignedBy != bellhop.SignerApp {
		w.t.Fatalf("%s: %+v, signed by %q, with %d of %d bytes", what, done, e.SignedBy, len(e.Body), len(body))
	}
	err = w.parts.Queue.Settle(ctx, host.Verdict(ctx, w.steps, all[0], done.Err, 20))
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestDocsShowIt compares the page that shows the example with the example.
func TestDocsShowIt(t *testing.T) {
	page, err := os.ReadFile("../../docs/own-producer.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"server.cjs", "sqs.cjs", "rabbitmq.cjs"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(page, []byte("```js\n"+string(source)+"```\n")) {
			t.Errorf("docs/own-producer.md shows another %s: copy it there", name)
		}
	}
}
