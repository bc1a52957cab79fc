package bench_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"bellhop"
	"bellhop/bench"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/web"
	"bellhop/web/webhook"
	"bellhop/wire"
)

// BenchmarkServe runs the server in the process of the benchmark, to be
// profiled with -cpuprofile and -memprofile; the load generator is in the
// profile too. An operation is one webhook: accepted, or recorded as well.
func BenchmarkServe(b *testing.B) {
	b.Run("accept", func(b *testing.B) { serveAndFlood(b, false) })
	b.Run("record", func(b *testing.B) { serveAndFlood(b, true) })
}

const benchShop, benchSecret = "bench.myshopify.com", "hush"

func serveAndFlood(b *testing.B, record bool) {
	config := wire.Working{Storage: wire.Storage{Dir: b.TempDir(), DB: "sqlite:", Queue: "sqlite:"}, Push: "log:"}
	parts, err := config.Open(b.Context(), wire.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer parts.Close()
	if err := parts.Store.AddShop(b.Context(), bellhop.Shop{Domain: benchShop, AddedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	log, measured := slog.New(slog.DiscardHandler), host.NewTelemetry()
	acceptor := &pipeline.Acceptor{Keys: pipeline.NewKeyring(parts.Store, benchSecret, ""), Queue: parts.Queue,
		Now: time.Now, Metrics: measured.Metrics}
	mux := http.NewServeMux()
	mux.Handle(webhook.Path, webhook.New(acceptor, webhook.Options{Logger: log, Registerer: measured.Registry}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- host.Run(ctx, host.Options{
			Store: parts.Store, Queue: parts.Queue, KeepBodies: time.Hour, Log: log, Now: time.Now, Telemetry: measured,
			Steps: host.Steps{Record: record}, Servers: []host.Server{{Listener: listener, HTTP: web.HTTPServer("", mux, log)}},
		})
	}()
	flood(b, listener.Addr().String(), parts, record)
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// flood times from the first webhook until the last is answered, or recorded.
func flood(b *testing.B, target string, parts *wire.Parts, record bool) {
	w, err := bench.NewWebhooks(bench.WebhookOptions{
		Host: "bellhop.test", Shops: []string{benchShop}, Secret: benchSecret, Seed: 1,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	tally, err := bench.Load{Target: target, Requests: w.For, Connections: min(64, b.N),
		Count: int64(b.N)}.Run(b.Context())
	if err != nil || tally.OK() != int64(b.N) {
		b.Fatalf("%v, %+v", err, tally)
	}
	for record {
		changed := parts.Store.Changed()
		changes, err := parts.Store.LastChange(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if changes >= int64(b.N) { // one for each order
			break
		}
		<-changed
	}
	b.StopTimer()
	b.ReportMetric(float64(tally.Latency.At(99))/1e6, "p99-ms")
}
