package simulate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"time"

	"bellhop/simulate"
)

// Deliver a few orders to an endpoint, and ask what it must know afterwards.
func ExampleRunShopify() {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Here bellhop would check the signature and make the event durable.
	}))
	defer endpoint.Close()

	ledger, err := simulate.RunShopify(context.Background(), simulate.ShopifyOptions{
		Target: endpoint.URL + "/webhooks/shopify",
		Shops:  []string{"demo.myshopify.com"},
		Secret: "hush", Orders: 20, Updates: 0.5, Duplicates: 0.1, Seed: 1,
		Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ledger.Summary())
	fmt.Println(len(ledger.Expect()), "orders must be in the database")
	// Output:
	// 51 deliveries of 20 orders (2 copies, 0 poison): 51 acknowledged, 0 given up, 0 pending; 0 tries failed
	// 20 orders must be in the database
}

// Make deliveries without sending them, and shuffle them as Shopify may.
func ExampleGenerate() {
	deliveries, err := simulate.Generate(simulate.ShopifyOptions{
		Shops: []string{"demo.myshopify.com"}, Secret: "hush", Orders: 3, Updates: 1, FollowUps: 1, Seed: 36,
		Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	model := simulate.NewModel()
	for d := range deliveries {
		model.Take(d)
		fmt.Println(d.Seq, d.Topic, d.TriggeredAt.Format(time.StampMicro))
	}
	fmt.Println(len(model.Expect()), "orders")
	// Output:
	// 0 orders/create Nov 22 08:59:59.999976
	// 1 orders/create Nov 22 09:00:00.000033
	// 2 orders/create Nov 22 09:00:00.000082
	// 3 refunds/create Nov 22 09:00:00.000141
	// 4 orders/updated Nov 22 09:00:00.000148
	// 5 orders/edited Nov 22 09:00:00.000228
	// 6 orders/updated Nov 22 09:00:00.000237
	// 7 fulfillments/create Nov 22 09:00:00.000335
	// 8 orders/fulfilled Nov 22 09:00:00.000348
	// 9 orders/updated Nov 22 09:00:00.000349
	// 3 orders
}

// Serve the FCM twin, let it fail now and then, and look into a phone's drawer.
func ExampleFCM() {
	fcm := simulate.NewFCM(simulate.FCMOptions{Latency: time.Millisecond})
	defer fcm.Close()
	srv := httptest.NewServer(fcm)
	defer srv.Close()
	account, err := fcm.ServiceAccount(srv.URL) // what BELLHOP_PUSH=fcm:FILE reads
	if err != nil {
		fmt.Println(err)
		return
	}
	token := simulate.NewToken(rand.New(rand.NewPCG(1, 1)))
	send := clientOf(account, srv.URL)
	send(token, "order-1001", "Order #1001")
	send(token, "order-1001", "Order #1001, paid")
	fcm.SetBroken(true)
	send(token, "order-1002", "Order #1002")

	for _, slot := range fcm.Drawer(token) {
		fmt.Printf("%s: %s (replaced %d times)\n", slot.Tag, slot.Title, slot.Replaced)
	}
	// Output:
	// 200
	// 200
	// 503
	// order-1001: Order #1001, paid (replaced 1 times)
}

// Let the FCM twin fail, as FCM may.
func ExampleParseFaults() {
	faults, err := simulate.ParseFaults("429=1%,503=2.5%")
	fmt.Println(faults, err)
	_, err = simulate.ParseFaults("418=1%")
	fmt.Println(err != nil)
	fcm := simulate.NewFCM(simulate.FCMOptions{Faults: faults, Seed: 1})
	defer fcm.Close()
	fmt.Println(fcm.Counts().Taken)
	// Output:
	// 429=1%,503=2.5% <nil>
	// true
	// 0
}

// Flood an endpoint for a while, and look at the counts meanwhile.
func ExampleNewShopify() {
	endpoint := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer endpoint.Close()
	twin, err := simulate.NewShopify(simulate.ShopifyOptions{Target: endpoint.URL, Secret: "hush",
		Shops: []string{"demo.myshopify.com"}, Orders: 10, Seed: 1, CountsOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(twin.Run(context.Background()))
	s := twin.Ledger().Summary()
	fmt.Println(s.Acknowledged, "acknowledged,", s.Pending, "pending")
	// Output:
	// <nil>
	// 10 acknowledged, 0 pending
}
