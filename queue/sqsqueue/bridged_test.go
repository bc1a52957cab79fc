package sqsqueue_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
	"bellhop/shopify"
)

// bridged is an envelope of a source.
func bridged(n int, source string) string {
	return fmt.Sprintf(`{"version":"0","id":"%d","detail-type":"shopifyWebhook","source":%q,
		"time":"2026-11-30T12:00:04Z","detail":{"payload":{"id":%[1]d},"metadata":{"X-Shopify-Topic":"orders/create",
		"X-Shopify-Shop-Domain":"a.myshopify.com","X-Shopify-API-Version":"2026-10","X-Shopify-Webhook-Id":"%[1]d"}}}`, n, source)
}

const theirs, ours = shopify.PartnerSource + "47/orders", shopify.PartnerSource + "48/orders"

// bridge returns a queue that takes envelopes of a source.
func bridge(t *testing.T, source string, b opened) *sqsqueue.Queue {
	t.Helper()
	o := b.options
	o.Open = func(_ http.Header, body []byte, _ time.Time) (*bellhop.Event, error) {
		return shopify.OpenEnvelope(body, source, time.Now())
	}
	return reopened(t, open(t, o))
}

// TestRefusedEnvelope takes an envelope of another source through its dead letter, and opens it again once the setting
// is right.
func TestRefusedEnvelope(t *testing.T) {
	b := fresh(t)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	before, after := bridge(t, ours, b), bridge(t, theirs, b)
	put := putter(t, b)
	put(bridged(1, theirs), nil)
	put(bridged(2, ours), nil)
	if e := receiveOne(t, before).Event; string(e.Body) != `{"id":2}` || e.SignedBy != bellhop.SignerEventBridge {
		t.Fatalf("received %+v", e)
	}
	dead, err := before.DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(dead) != 1 || !strings.Contains(dead[0].Reason, theirs) ||
		dead[0].Event.Shop != "a.myshopify.com" || dead[0].Event.SignedBy != bellhop.Unchecked("") {
		t.Fatalf("dead letters %+v, %v", dead, err)
	}
	count(t, "redrive", 1)(after.Redrive(t.Context(), dead[0].Event.ID))
	e := receiveOne(t, after).Event
	if e.ID != dead[0].Event.ID || e.SignedBy != bellhop.SignerEventBridge || string(e.Body) != `{"id":1}` {
		t.Errorf("once more: %+v", e)
	}
}
