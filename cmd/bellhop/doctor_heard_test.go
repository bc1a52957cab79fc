package main

import (
	"strings"
	"testing"
	"time"

	"bellhop/shopify"
)

// TestFormOfOrders has shops on their way from webhooks to Events, and back.
func TestFormOfOrders(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	ago := func(hours int) time.Time { return now.Add(-time.Duration(hours) * time.Hour) }
	type heard map[string]time.Time
	for _, c := range []struct {
		last, earlier heard
		form, topics  string
		warns, silent bool
	}{
		{last: heard{shopify.TopicShopUpdate: ago(1)}, silent: true, topics: "never an orders/create"},
		{last: heard{shopify.TopicOrderCreate: ago(1)}, form: "come as webhooks", topics: "never came: orders/updated"},
		{last: heard{shopify.TopicEventCreate: ago(1)}, form: "come as Events", topics: "never came: orders/edited"},
		{last: heard{shopify.TopicOrderUpdated: ago(2), shopify.TopicEventUpdate: ago(1)},
			form: "come as webhooks and as Events: each", topics: "never came: orders/edited"},
		{last: heard{shopify.TopicOrderUpdated: ago(2), shopify.TopicEventUpdate: ago(1)},
			earlier: heard{shopify.TopicOrderUpdated: ago(24 * 8), shopify.TopicEventUpdate: ago(24 * 9)},
			form:    "come as webhooks and as Events, for more than 7 days now", topics: "never came: orders/edited"},
		{last: heard{shopify.TopicOrderUpdated: ago(2), shopify.TopicEventUpdate: ago(1)}, // back since yesterday
			earlier: heard{shopify.TopicOrderUpdated: ago(24 * 15), shopify.TopicEventUpdate: ago(24 * 8)},
			form:    "come as webhooks and as Events: each", topics: "never came: orders/edited"},
		{last: heard{shopify.TopicOrderUpdated: ago(26), shopify.TopicOrderEdited: ago(1), shopify.TopicEventUpdate: ago(1)},
			form: "come as Events, and the last webhook came 2026-11-30 10:00", topics: "never came: orders/risk"},
		{last: heard{shopify.TopicOrderPaid: ago(1), shopify.TopicEventDelete: ago(26)}, warns: true,
			form: "came as Events until 2026-11-30 10:00", topics: "never came: orders/edited"},
		{last: heard{shopify.TopicOrderPaid: ago(1), shopify.TopicEventDelete: ago(24 * 8)},
			form: "come as webhooks, and the last Event came 2026-11-23 12:00", topics: "never came: orders/edited"},
	} {
		if topics := topicsOf("a.myshopify.com", c.last); !strings.Contains(topics.Found, c.topics) {
			t.Errorf("%v: %s", c.last, topics.Found)
		}
		found := formOf("a.myshopify.com", c.last, c.earlier, now)
		if len(found) == 0 && c.silent {
			continue
		}
		if len(found) != 1 || !strings.Contains(found[0].Found, c.form) || (found[0].Fix != "") != c.warns {
			t.Errorf("%v: %+v", c.last, found)
		}
	}
}

// TestWhereSubscriptionsGo is said where the queue takes envelopes.
func TestWhereSubscriptionsGo(t *testing.T) {
	if found := subscribedTo("", false); found != nil {
		t.Errorf("%+v", found)
	}
	if found := subscribedTo("arn:aws:events:x", false); len(found) != 1 || found[0].Fix != "" ||
		!strings.Contains(found[0].Found, "arn:aws:events:x") {
		t.Errorf("%+v", found)
	}
	if found := subscribedTo("", true); len(found) != 1 || !strings.Contains(found[0].Fix, "&source=") {
		t.Errorf("%+v", found)
	}
}
