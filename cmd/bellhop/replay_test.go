package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// TestReplayChecks replays what bellhop queue switch moved here before a worker had checked it: of two messages of a
// server of one's own, one of them forged, the right one is recorded.
func TestReplayChecks(t *testing.T) {
	const shop, secret = "demo.myshopify.com", "the app's secret"
	at := wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}
	parts, err := at.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	if err := parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for id, signing := range map[int]string{1: secret, 2: "a guess"} {
		body := fmt.Appendf(nil, `{%s"id":%d,"name":"#%[2]d","currency":"KRW","total_price":"1","line_items":[],
			"updated_at":"2026-11-22T09:00:00Z"}`, simulate.Blank, id)
		h := http.Header{}
		for name, value := range map[string]string{shopify.HeaderTopic: "orders/create", shopify.HeaderShop: shop,
			shopify.HeaderAPIVersion: "2026-10", shopify.HeaderWebhookID: fmt.Sprint(id),
			shopify.HeaderHMAC: shopify.Sign(signing, body)} {
			h.Set(name, value)
		}
		e, err := shopify.Open(h, body, time.Now())
		if err == nil {
			err = parts.Queue.Send(t.Context(), e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("BELLHOP_DIR", at.Dir)
	replay := []string{"replay", "--shop", shop, "--since", "1h"}
	if code, _, why := runHere(replay...); code == 0 || !strings.Contains(why, "set BELLHOP_SHOPIFY_SECRET") {
		t.Errorf("without the secret: %d, %s", code, why)
	}
	t.Setenv("BELLHOP_SHOPIFY_SECRET", secret)
	code, out, why := runHere(replay...)
	if code != 0 || out != "Recorded 2 events of "+shop+" again.\n"+
		"1 of them can't be understood, or are not signed by Shopify.\n" {
		t.Fatalf("%d, %s%s", code, out, why)
	}
	page, err := parts.Store.Orders(t.Context(), shop, store.OrderQuery{})
	if err != nil || len(page.Orders) != 1 || page.Orders[0].ID != 1 {
		t.Errorf("orders %+v, %v", page.Orders, err)
	}
}
