package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/push/logpush"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

// The three steps by hand, without a host: accept, record, notify.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "pipeline-example")
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
	must(parts.Store.AddShop(ctx, bellhop.Shop{Domain: domain, AddedAt: time.Now()}))
	_, err = parts.Store.PutDevice(ctx, bellhop.Device{Shop: domain, Installation: "phone", Kind: bellhop.AddressToken,
		Value: "the app's FCM token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormNotification,
		AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
	must(err)
	log := slog.New(slog.DiscardHandler)

	// Accept: the event is durable, and nobody has read its body.
	placed := time.Now().Format(time.RFC3339)
	body := fmt.Appendf(nil, `{`+simulate.Blank+`"id":1,"name":"#1001","currency":"USD","total_price":"403.00","line_items":[],"created_at":%q,`+
		`"updated_at":%q}`, placed, placed)
	acceptor := &pipeline.Acceptor{Keys: pipeline.NewKeyring(parts.Store, app, ""), Queue: parts.Queue, Now: time.Now}
	must(acceptor.Accept(ctx, headers(domain, app, body), body))

	// Record: the order and the push that it owes, in one transaction.
	deliveries, err := parts.Queue.Receive(ctx, 10)
	must(err)
	event := deliveries[0].Event
	recorder := &pipeline.Recorder{Store: parts.Store, Now: time.Now, Log: log}
	fmt.Println(event.Topic == shopify.TopicOrderCreate, recorder.Record(ctx, []*bellhop.Event{event})[0].Outcome)
	order, err := parts.Store.Order(ctx, domain, 1)
	must(err)
	fmt.Println(order.Name, order.Total, order.Pushes[0].Status)

	// Notify: one attempt, and its outcome.
	owed, err := parts.Store.ClaimPushes(ctx, time.Now(), store.Slots{Free: 10}, time.Minute)
	must(err)
	notifier := &pipeline.Notifier{Outbox: parts.Store, Sender: logpush.New(log), Now: time.Now, Log: log}
	must(notifier.Notify(ctx, owed[0]))
	order, err = parts.Store.Order(ctx, domain, 1)
	must(err)
	fmt.Println(order.Pushes[0].Status, order.Pushes[0].Attempts)
	// Output:
	// true recorded
	// #1001 403.00 pending
	// sent 1
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
