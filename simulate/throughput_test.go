package simulate_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"bellhop/simulate"
)

// BenchmarkDeliver is the whole way of a delivery to an endpoint that does
// nothing.
func BenchmarkDeliver(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}))
	defer srv.Close()
	o := options()
	o.Target, o.Orders, o.CountsOnly = srv.URL, b.N, true
	if _, err := simulate.RunShopify(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkSend measures the twin alone, without a network.
func BenchmarkSend(b *testing.B) {
	f := simulate.NewFCM(simulate.FCMOptions{Key: key(), Unlimited: true, Keep: 1000})
	srv := httptest.NewServer(f)
	defer srv.Close()
	account, err := f.ServiceAccount(srv.URL)
	if err != nil {
		b.Fatal(err)
	}
	config, err := readAccount(account)
	if err != nil {
		b.Fatal(err)
	}
	access, err := config.TokenSource(b.Context()).Token()
	if err != nil {
		b.Fatal(err)
	}
	body := fmt.Sprintf(`{"message":{"token":%q,"notification":{"title":"New order #1001","body":"USD 403.00"},"data":{"order":"1"},
		"android":{"priority":"HIGH","ttl":"14400s","notification":{"tag":"order-1","visibility":"PRIVATE"}},
		"apns":{"headers":{"apns-collapse-id":"order-1"},"payload":{"aps":{"sound":"default"}}}}}`, token)
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/projects/"+simulate.DefaultProject+"/messages:send",
			strings.NewReader(body))
		access.SetAuthHeader(r)
		w := httptest.NewRecorder()
		if f.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
