package host_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/push/logpush"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

// A push worker sends owed pushes. Run goes on until drain; Drain ends when nothing is
// due, as a function on a schedule wants.
func ExamplePushWorker_Drain() {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "host-example")
	must(err)
	defer os.RemoveAll(dir)
	storage := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"}
	parts, err := storage.Open(ctx, wire.Options{})
	must(err)
	defer parts.Close()
	log := slog.New(slog.DiscardHandler)

	// A shop with a phone and an order.
	must(parts.Store.AddShop(ctx, bellhop.Shop{Domain: "demo.myshopify.com", AddedAt: time.Now()}))
	_, err = parts.Store.PutDevice(ctx, bellhop.Device{Shop: "demo.myshopify.com", Installation: "phone",
		Kind: bellhop.AddressToken, Value: "the app's FCM token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData,
		AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
	must(err)
	body := fmt.Sprintf(`{`+simulate.Blank+`"id":1,"name":"#1001","currency":"USD","total_price":"403.00","line_items":[],"updated_at":%q}`,
		time.Now().Format(time.RFC3339))
	recorder := &pipeline.Recorder{Store: parts.Store, Now: time.Now, Log: log}
	must(recorder.Record(ctx, []*bellhop.Event{{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com",
		Topic: shopify.TopicOrderCreate, AcceptedAt: time.Now(), Body: []byte(body)}})[0].Err)

	worker := &host.PushWorker{Outbox: parts.Store, Log: log, Now: time.Now,
		Notifier: &pipeline.Notifier{Outbox: parts.Store, Sender: logpush.New(log), Now: time.Now, Log: log}}
	attempts, err := worker.Drain(ctx, ctx)
	fmt.Println(attempts, "attempt", err)
	order, err := parts.Store.Order(ctx, "demo.myshopify.com", 1)
	fmt.Println(order.Pushes[0].Status, err)
	// Output:
	// 1 attempt <nil>
	// sent <nil>
}
