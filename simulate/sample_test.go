package simulate_test

import (
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// TestSample makes one webhook of each topic that bellhop reads, and wants it to be one that it understands.
func TestSample(t *testing.T) {
	o := simulate.ShopifyOptions{Shops: []string{"demo.myshopify.com"}, Secret: "hush", Seed: 1, Now: time.Now}
	keys := shopify.Keys{App: shopify.NewSecret("hush")}
	for _, topic := range slices.Concat(shopify.Wanted(), shopify.Compliance()) {
		d, err := simulate.Sample(o, topic)
		if err != nil {
			t.Errorf("%s: %v", topic, err)
			continue
		}
		if _, ok := keys.Verify(d.Body, d.Signature); !ok || d.Topic != topic || d.Shop != o.Shops[0] {
			t.Errorf("%s: signed %t, %s of %s", topic, ok, d.Topic, d.Shop)
		}
		f, err := shopify.Decode(&bellhop.Event{Topic: topic, Shop: d.Shop, Body: d.Body, AcceptedAt: time.Now()})
		if err != nil || f.Skip == bellhop.ReasonTopicUnhandled {
			t.Errorf("%s: %v, skip %q", topic, err, f.Skip)
		}
	}
	if _, err := simulate.Sample(o, "carts/update"); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a topic that bellhop does not read: %v", err)
	}
}
