package pgstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const shop = "a.myshopify.com"

// freshFacts makes n new orders of three lines.
func freshFacts(from, n int) []bellhop.Fact {
	facts := make([]bellhop.Fact, n)
	for i := range facts {
		facts[i] = fact(int64(from+i), 1)
	}
	return facts
}

// fact makes an event that states a version of an order.
func fact(no int64, version int) bellhop.Fact {
	at := day.Add(time.Duration(no)*time.Millisecond + time.Duration(version)*time.Microsecond)
	e := &bellhop.Event{Shop: shop, Topic: "orders/create", APIVersion: "2026-10",
		WebhookID:      fmt.Sprintf("b54557e4-bdd9-4b37-8a5f-bf7d%08d", no),
		ShopifyEventID: fmt.Sprintf("98880550-7158-44d4-b7cd-2c97%08d", no), TriggeredAt: at, AcceptedAt: at,
		SignedBy: bellhop.SignerApp, Body: []byte(`{"id":1}`)}
	binary.BigEndian.PutUint64(e.ID[:], uint64(at.UnixMilli())<<16)
	binary.BigEndian.PutUint64(e.ID[8:], uint64(no)<<8|uint64(version))
	usd := func(cents int64) bellhop.Money { return bellhop.Money{Units: cents, Digits: 2, Currency: "USD"} }
	o := &bellhop.Order{Shop: shop, ID: 820982911946154508 + no,
		Version: bellhop.Version{UpdatedAt: day.Add(time.Duration(version) * time.Second), TriggeredAt: at,
			Hash: uint64(no)*31 + uint64(version)},
		Name: fmt.Sprintf("#%d", no), Number: no, Total: usd(40300 + int64(version)), CustomerName: "Jo Lee",
		CustomerEmail:   fmt.Sprintf("jo%d@example.com", no),
		FinancialStatus: "paid", FulfillmentStatus: "unfulfilled", PlacedAt: at.In(time.FixedZone("", 9*3600)), UpdatedAt: at}
	for k := range 3 {
		o.Items = append(o.Items, bellhop.Item{ID: no*10 + int64(k), Title: "Short Sleeve Tee", Variant: "Medium",
			SKU: fmt.Sprintf("TEE-%d", k), Quantity: 2, Current: 2, ToFulfil: 2, Price: "19.90"})
	}
	return bellhop.Fact{Event: e, At: at, OrderID: o.ID, Order: o}
}

func addShop(t testing.TB, s store.Store, devices int, form bellhop.Form) {
	t.Helper()
	ctx := context.Background()
	must(t, s.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: day}))
	for i := range devices {
		_, err := s.PutDevice(ctx, bellhop.Device{Shop: shop, Installation: fmt.Sprint("phone-", i),
			Kind:  bellhop.AddressToken,
			Value: fmt.Sprint("token-", i), Platform: bellhop.PlatformIOS, Form: form, AddedAt: day, SeenAt: day},
			store.DeviceLimits{})
		must(t, err)
	}
}

func record(t testing.TB, s store.Store, facts ...bellhop.Fact) []bellhop.Result {
	t.Helper()
	r, err := s.Record(context.Background(), facts)
	must(t, err)
	return r
}

// unavailable checks that an error says that the database is away.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("kind %d: %v", bellhop.KindOf(err), err)
	}
}

// body is like one of Shopify's in size and compressibility.
func body(no int64) []byte {
	b := []byte(`{"id":`)
	for i := range 60 {
		b = fmt.Appendf(b, `"field_%d":{"amount":"%d.%02d","currency_code":"USD","sku":"%x","url":"https:\/\/%s\/%d"},`,
			i, no*7+int64(i), i, uint64(no)*0x9E3779B97F4A7C15>>uint(i%32), shop, no*int64(i))
	}
	return append(b, `"end":true}`...)
}
