package wire_test

import (
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/wire"
)

// bridged is an envelope of EventBridge around a webhook.
const bridged = `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"shopifyWebhook",
	"source":"aws.partner/shopify.com/47/orders","time":"2026-11-30T12:00:04Z","detail":{"payload":{"id":1},"metadata":{
	"X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":"demo.myshopify.com","X-Shopify-API-Version":"2026-10",
	"X-Shopify-Webhook-Id":"w1","X-Shopify-Hmac-SHA256":"sum"}}}`

// TestEnvelopesAreBelieved only where the queue's address says so, and nothing else is taken there.
func TestEnvelopesAreBelieved(t *testing.T) {
	const queue = "sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders"
	bare, headed := map[string]string{}, map[string]string{"x-shopify-topic": "orders/create"}
	signed := map[string]string{"x-shopify-topic": "orders/create", "x-shopify-shop-domain": "demo.myshopify.com",
		"x-shopify-api-version": "2026-10", "x-shopify-webhook-id": "w1", "x-shopify-hmac-sha256": "sum",
		"x-shopify-triggered-at": "2026-11-30T12:00:00Z"}
	for _, c := range []struct {
		params     string
		attributes map[string]string
		code       string
		event      bool
	}{
		{"?envelope=eventbridge", bare, "", true},
		{"?envelope=eventbridge", map[string]string{"trace": "x"}, "", true},
		{"?envelope=eventbridge&source=aws.partner/shopify.com/47/orders", bare, "", true},
		{"?envelope=eventbridge&source=aws.partner/shopify.com/48/orders", bare, "envelope_source", true},
		{"?envelope=eventbridge", signed, "queue_shared", true},
		{"?envelope=eventbridge", headed, "queue_shared", false},
		{"?envelope=eventbridge", map[string]string{"shopify-name": "x"}, "queue_shared", false},
		{"", bare, "foreign_message", false},
		{"", headed, "header_missing", false},
		{"", signed, "", true},
	} {
		s := wire.Storage{Queue: queue + c.params}
		now := func() time.Time { return time.Date(2026, 11, 30, 12, 0, 5, 0, time.UTC) }
		codec, err := s.Codec(t.Context(), wire.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		e, err := codec.Read(amazon.Message{Body: bridged, Attributes: c.attributes})
		if (err != nil || c.code != "") && bellhop.CodeOf(err) != c.code || (e != nil) != c.event {
			t.Errorf("%s %v: %+v, %v", c.params, c.attributes, e, err)
		}
		if believed := c.code == "" && c.attributes["x-shopify-topic"] == ""; e != nil &&
			(e.SignedBy == bellhop.SignerEventBridge) != believed {
			t.Errorf("%s %v: signed by %s", c.params, c.attributes, e.SignedBy)
		}
	}
}

// TestEventSource is what subscriptions go to, where the queue's address has one.
func TestEventSource(t *testing.T) {
	const q = "sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders"
	for address, want := range map[string][2]any{
		"sqlite:": {"", false}, q: {"", false}, q + "?envelope=eventbridge": {"", true},
		q + "?envelope=eventbridge&source=aws.partner/shopify.com/47/o": {"arn:aws:events:eu-west-1::event-source/" +
			"aws.partner/shopify.com/47/o", false},
	} {
		s := wire.Storage{Queue: address}
		if arn, unnamed := s.EventSource(); arn != want[0] || unnamed != want[1] {
			t.Errorf("%s: %q, %t", address, arn, unnamed)
		}
	}
}
