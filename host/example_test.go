package host_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/web/webhook"
	"bellhop/wire"
)

// A team mounts the webhook endpoint in its own Go server, and runs a worker beside it
// that records the orders.
func Example_inYourOwnServer() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dir, err := os.MkdirTemp("", "host-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	storage := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"}
	parts, err := storage.Open(ctx, wire.Options{})
	if err != nil {
		panic(err)
	}
	defer parts.Close()
	if err := parts.Store.AddShop(ctx, bellhop.Shop{Domain: "demo.myshopify.com", AddedAt: time.Now()}); err != nil {
		panic(err)
	}

	// The endpoint, on your mux.
	keys := pipeline.NewKeyring(parts.Store, "the app's client secret", "")
	acceptor := &pipeline.Acceptor{Keys: keys, Queue: parts.Queue, Now: time.Now}
	mux := http.NewServeMux()
	mux.Handle("/shopify", webhook.New(acceptor, webhook.Options{}))
	server := httptest.NewServer(mux)
	defer server.Close()

	// The worker, until your server ends.
	log := slog.New(slog.DiscardHandler)
	worker := &host.Worker{Queue: parts.Queue, Ready: parts.Store.Ready, Log: log,
		Recorder: &pipeline.Recorder{Store: parts.Store, Log: log, Now: time.Now}}
	var working sync.WaitGroup
	working.Go(func() {
		if err := worker.Run(ctx, context.Background()); err != nil {
			panic(err)
		}
	})

	body := []byte(`{` + simulate.Blank + `"id":820982911946154508,"name":"#1001","currency":"KRW","total_price":"19800","line_items":[],` +
		`"updated_at":"2026-11-22T09:00:00+09:00"}`)
	recorded := parts.Store.Changed()
	fmt.Println(deliver(server.URL+"/shopify", body))
	for {
		<-recorded
		recorded = parts.Store.Changed()
		order, err := parts.Store.Order(ctx, "demo.myshopify.com", 820982911946154508)
		if bellhop.KindOf(err) == bellhop.NotFound {
			continue
		}
		fmt.Println(order.Name, order.Total, order.Total.Currency, err)
		break
	}
	cancel()
	working.Wait()
	// Output:
	// 200
	// #1001 19800 KRW <nil>
}

// deliver sends a webhook as Shopify does, and returns the status.
func deliver(url string, body []byte) int {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set(shopify.HeaderTopic, shopify.TopicOrderCreate)
	r.Header.Set(shopify.HeaderShop, "demo.myshopify.com")
	r.Header.Set(shopify.HeaderAPIVersion, "2026-10")
	r.Header.Set(shopify.HeaderWebhookID, "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
	r.Header.Set(shopify.HeaderHMAC, shopify.Sign("the app's client secret", body))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	res.Body.Close()
	return res.StatusCode
}
