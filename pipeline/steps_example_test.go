package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

// exampleParts opens a database and a queue in a folder that close removes.
func exampleParts(ctx context.Context) (parts *wire.Parts, close func()) {
	dir, err := os.MkdirTemp("", "pipeline-example")
	must(err)
	storage := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"}
	parts, err = storage.Open(ctx, wire.Options{})
	must(err)
	must(parts.Store.AddShop(ctx, bellhop.Shop{Domain: "demo.myshopify.com", AddedAt: time.Now()}))
	return parts, func() {
		parts.Close()
		os.RemoveAll(dir)
	}
}

// webhook is what Shopify sends, signed with a secret.
func webhook(secret, body string) (http.Header, []byte) {
	h := http.Header{}
	h.Set(shopify.HeaderShop, "demo.myshopify.com")
	h.Set(shopify.HeaderTopic, shopify.TopicOrderCreate)
	h.Set(shopify.HeaderAPIVersion, "2026-10")
	h.Set(shopify.HeaderWebhookID, "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
	h.Set(shopify.HeaderHMAC, shopify.Sign(secret, []byte(body)))
	return h, []byte(body)
}

const paid = `{` + simulate.Blank + `"id":1,"name":"#1001","currency":"USD","total_price":"403.00","line_items":[],"financial_status":"paid",` +
	`"created_at":"2026-11-22T09:00:00+09:00","updated_at":"2026-11-22T09:05:00+09:00"}`
const unpaid = `{` + simulate.Blank + `"id":1,"name":"#1001","currency":"USD","total_price":"403.00","line_items":[],"financial_status":"pending",` +
	`"created_at":"2026-11-22T09:00:00+09:00","updated_at":"2026-11-22T09:00:00+09:00"}`

// Accept makes a webhook durable, if its signature is right. It doesn't look into it.
func ExampleAcceptor_Accept() {
	ctx := context.Background()
	parts, end := exampleParts(ctx)
	defer end()
	acceptor := &pipeline.Acceptor{Keys: pipeline.NewKeyring(parts.Store, "the app's client secret", ""),
		Queue: parts.Queue, Now: time.Now}
	for _, secret := range []string{"the app's client secret", "a stranger's"} {
		header, body := webhook(secret, paid)
		err := acceptor.Accept(ctx, header, body)
		fmt.Println(err == nil, bellhop.KindOf(err) == bellhop.Unauthenticated)
	}
	depth, err := parts.Queue.Depth(ctx)
	fmt.Println(depth.Waiting, "waiting", err)
	// Output:
	// true false
	// false true
	// 1 waiting <nil>
}

// Record keeps the newest version of an order, in whatever order versions come.
func ExampleRecorder_Record() {
	ctx := context.Background()
	parts, end := exampleParts(ctx)
	defer end()
	recorder := &pipeline.Recorder{Store: parts.Store, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	event := func(n byte, body string) *bellhop.Event {
		return &bellhop.Event{ID: bellhop.EventID{n}, Shop: "demo.myshopify.com", Topic: shopify.TopicOrderCreate,
			AcceptedAt: time.Now(), SignedBy: bellhop.SignerApp, Body: []byte(body)}
	}
	events := []*bellhop.Event{event(1, paid), event(2, unpaid), event(3, paid), event(4, `{`)}
	for i, r := range recorder.Record(ctx, events) {
		fmt.Println(i+1, r.Outcome, bellhop.IsPermanent(r.Err))
	}
	order, err := parts.Store.Order(ctx, "demo.myshopify.com", 1)
	fmt.Println(order.Name, order.FinancialStatus, err)
	// Output:
	// 1 recorded false
	// 2 stale false
	// 3 duplicate false
	// 4  true
	// #1001 paid <nil>
}

// busy is a push service that takes nothing.
type busy struct{ push.Sender }

func (busy) Send(context.Context, push.Message) (string, error) {
	return "", &push.Error{Reason: push.ReasonUnavailable, Cause: errors.New("503")}
}

// Notify makes one attempt and saves its outcome. An attempt that may succeed later leaves
// the push pending.
func ExampleNotifier_Notify() {
	ctx := context.Background()
	parts, end := exampleParts(ctx)
	defer end()
	log := slog.New(slog.DiscardHandler)
	_, err := parts.Store.PutDevice(ctx, bellhop.Device{Shop: "demo.myshopify.com", Installation: "phone",
		Kind: bellhop.AddressToken, Value: "the app's FCM token", Platform: bellhop.PlatformAndroid,
		Form:    bellhop.FormData,
		AddedAt: time.Now(), SeenAt: time.Now()}, store.DeviceLimits{})
	must(err)
	recorder := &pipeline.Recorder{Store: parts.Store, Now: time.Now, Log: log}
	body := fmt.Sprintf(`{`+simulate.Blank+`"id":1,"name":"#1001","currency":"USD","total_price":"403.00","line_items":[],"updated_at":%q}`,
		time.Now().Format(time.RFC3339))
	recorder.Record(ctx, []*bellhop.Event{{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com",
		Topic: shopify.TopicOrderCreate, AcceptedAt: time.Now(), Body: []byte(body)}})

	owed, err := parts.Store.ClaimPushes(ctx, time.Now(), store.Slots{Free: 10}, time.Minute)
	must(err)
	notifier := &pipeline.Notifier{Outbox: parts.Store, Sender: busy{}, Now: time.Now, Log: log}
	fmt.Println(notifier.Notify(ctx, owed[0])) // an error would mean that the outcome was not saved
	order, err := parts.Store.Order(ctx, "demo.myshopify.com", 1)
	must(err)
	p := order.Pushes[0]
	fmt.Println(p.Status, p.Attempts, p.Reason)
	next, err := parts.Store.NextPush(ctx)
	fmt.Println(time.Until(next) > 5*time.Second, err)
	// Output:
	// <nil>
	// pending 1 unavailable
	// true <nil>
}
