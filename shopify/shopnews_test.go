package shopify_test

import (
	"os"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify"
)

// TestNewsOfTheFuture: a removal of the app in a hundred years would end a shop's pushes until then.
func TestNewsOfTheFuture(t *testing.T) {
	body, err := os.ReadFile("testdata/app_uninstalled.shop.json")
	if err != nil {
		t.Fatal(err)
	}
	accepted := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for ahead, believed := range map[time.Duration]bool{-time.Hour: true, 30 * time.Second: true, time.Hour: false,
		100 * 365 * 24 * time.Hour: false} {
		for _, topic := range []string{"app/uninstalled", "shop/update"} {
			f, err := shopify.Decode(&bellhop.Event{Shop: "demo.myshopify.com", Topic: topic, Body: body,
				TriggeredAt: accepted.Add(ahead), AcceptedAt: accepted})
			want := accepted
			if believed {
				want = accepted.Add(ahead)
			}
			if err != nil || f.Shop == nil || !f.Shop.At.Equal(want) {
				t.Errorf("%s, %v ahead: %+v, %v", topic, ahead, f.Shop, err)
			}
		}
	}
}
