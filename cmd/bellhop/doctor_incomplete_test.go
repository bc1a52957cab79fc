package main

import (
	"strings"
	"testing"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
)

// TestDoctorNamesWhatBodiesLack: one line for each thing to mend.
func TestDoctorNamesWhatBodiesLack(t *testing.T) {
	line := func(topic string, lacks ...string) store.Line {
		return store.Line{Event: bellhop.Event{Topic: topic, Shop: "a.myshopify.com"}, Outcome: bellhop.OutcomeSkipped,
			Reason: bellhop.IncompleteReason(lacks)}
	}
	lines := []store.Line{line(shopify.TopicOrderPaid, "note", "tags"), line(shopify.TopicEventUpdate, "errors: customer"),
		line(shopify.TopicOrderPaid, "note"), line(shopify.TopicEventCreate, "lineItems (more than 20)"),
		line(shopify.TopicEventCreate, "phone")}
	shrunk, err := shopify.Decode(&bellhop.Event{Topic: shopify.TopicOrderPaid, Body: []byte(`{"id":7}`)})
	if err != nil {
		t.Fatal(err)
	}
	lines = append(lines, line(shopify.TopicOrderPaid, shrunk.Lacks...))
	want := []struct{ found, fix string }{
		{"2 events of a.myshopify.com in the last day lacked fields, the newest: note, tags", "include_fields"},
		{"1 event of a.myshopify.com in the last day lacked fields, the newest: errors: customer", "grant the app"},
		{"the newest: lineItems (more than 20)", "no room for such an order"},
		{"the newest: phone", "toml --events"},
		{"the newest: name, number, ", "what Amazon EventBridge shrank to an id, above 1,000,000 bytes, needs nothing"},
	}
	for _, connected := range []bool{false, true} {
		found := lacking("a.myshopify.com", lines, connected)
		if len(found) != len(want) {
			t.Fatalf("%+v", found)
		}
		for i, f := range found {
			if !strings.Contains(f.Found, want[i].found) || !strings.Contains(f.Found+f.Fix, want[i].fix) ||
				(f.Level == wire.LevelWarn) == connected {
				t.Errorf("%+v", f)
			}
		}
	}
}
