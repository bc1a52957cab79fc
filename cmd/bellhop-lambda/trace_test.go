package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"bellhop/shopify"
	"bellhop/web/webhook"
)

// TestTraceTravels checks that accept sends a webhook on with Lambda's trace. It reads
// the request on the way, since the stand-in for SQS forgets traces.
func TestTraceTravels(t *testing.T) {
	s := newStack(t, 1)
	sent := make(chan string, 10)
	where, err := url.Parse(s.where.Queue)
	if err != nil {
		t.Fatal(err)
	}
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: where.Host})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		sent <- string(body)
		to.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	accept := s.functions["accept"]
	accept.SetEnv(append(s.env["accept"], "BELLHOP_QUEUE="+strings.Replace(s.where.Queue, where.Host, strings.TrimPrefix(proxy.URL, "http://"), 1))...)
	site := httptest.NewServer(accept.URL())
	defer site.Close()

	body := []byte(`{"id":1}`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+webhook.Path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{shopify.HeaderTopic: "orders/create", shopify.HeaderShop: s.shops[0],
		shopify.HeaderAPIVersion: "2026-10", shopify.HeaderWebhookID: "1", shopify.HeaderHMAC: shopify.Sign(shopifySecret,
			body)} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("accept: %v, %v", answer, err)
	}
	answer.Body.Close()
	if message := <-sent; !strings.Contains(message, `"AWSTraceHeader":{"DataType":"String","StringValue":"Root=`) {
		t.Errorf("SQS was sent %s", message)
	}
}
