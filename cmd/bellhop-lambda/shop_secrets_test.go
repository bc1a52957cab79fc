package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/web/webhook"
)

// deliver sends a webhook with more fields as Shopify does, and returns the answer's status.
func (s *stack) deliver(site, shop, id, secret, more string) int {
	s.t.Helper()
	body := []byte(`{` + simulate.Blank + `"id":` + id + `,"name":"#1","currency":"USD","total_price":"1.00","line_items":[],` +
		`"created_at":"2026-11-22T09:00:00Z","updated_at":"2026-11-22T09:00:00Z"` + more + `}`)
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, site+webhook.Path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{shopify.HeaderTopic: "orders/create", shopify.HeaderShop: shop,
		shopify.HeaderAPIVersion: "2026-10", shopify.HeaderWebhookID: id, shopify.HeaderHMAC: shopify.Sign(secret, body)} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// TestShopsSignWithSecretsOfTheirOwn carries webhooks of a shop with a secret of its own to its orders. One that the
// app's secret signed is refused where the database is, once the shop accepts only its own.
func TestShopsSignWithSecretsOfTheirOwn(t *testing.T) {
	const shop, own = "own.myshopify.com", "a secret of its own"
	s := newStack(t, 1)
	if text, _ := s.vault.get("shops"); text != "" {
		t.Errorf("without such shops the secret is %q", text)
	}
	site := httptest.NewServer(s.functions["accept"].URL())
	t.Cleanup(site.Close)
	if status := s.deliver(site.URL, shop, "1", own, ""); status != http.StatusUnauthorized {
		t.Errorf("a shop that is not known is answered %d", status)
	}
	s.call("migrate", map[string]any{"shop_secrets": map[string]string{shop: own}})
	s.functions["accept"].Kill() // it asks again after half a minute, or when it starts
	if err := s.store.UpdateShop(t.Context(), shop, func(s *bellhop.Shop) { s.OwnSecretOnly = true }); err != nil {
		t.Fatal(err)
	}
	for id, secret := range map[string]string{"2": own, "3": shopifySecret} {
		if status := s.deliver(site.URL, shop, id, secret, ""); status != http.StatusOK {
			t.Errorf("webhook %s is answered %d", id, status)
		}
	}
	if status := s.deliver(site.URL, s.shops[0], "4", own, ""); status != http.StatusUnauthorized {
		t.Errorf("another shop's webhook, signed with that secret, is answered %d", status)
	}

	ctx, stop := context.WithCancel(t.Context())
	var polled sync.WaitGroup
	polled.Go(func() {
		if err := s.mapping("direct").Run(ctx); err != nil {
			t.Errorf("the mapping: %v", err)
		}
	})
	defer func() { stop(); polled.Wait() }()
	want := map[string]store.Line{
		"2": {Event: bellhop.Event{SignedBy: bellhop.SignerShop}, Outcome: bellhop.OutcomeRecorded},
		"3": {Event: bellhop.Event{SignedBy: bellhop.SignerApp}, Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonAppSecret},
	}
	deadline := time.After(time.Minute)
	for {
		changed := s.store.Changed()
		page, err := s.store.Lines(t.Context(), store.LineQuery{Shop: shop})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Lines) == len(want) {
			for _, l := range page.Lines {
				w := want[l.Event.WebhookID]
				if l.Event.SignedBy != w.Event.SignedBy || l.Outcome != w.Outcome || l.Reason != w.Reason {
					t.Errorf("webhook %s, signed by %s, is %s: %s", l.Event.WebhookID, l.Event.SignedBy, l.Outcome, l.Reason)
				}
			}
			break
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond): // a skipped event changes nothing that is signalled
		case <-deadline:
			t.Fatalf("the ledger has %d lines", len(page.Lines))
		}
	}
	s.log.noSecrets(t, own)
}
