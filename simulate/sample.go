package simulate

import (
	"fmt"
	"slices"
	"strings"

	"bellhop"
	"bellhop/shopify"
)

// sampleTries bounds the deliveries that are made to find one of a topic: the rarest comes once in some hundred.
const sampleTries = 20_000

// Sample makes one delivery of a topic, of the first shop of the options, as Shopify would send it.
func Sample(o ShopifyOptions, topic string) (*Delivery, error) {
	if !slices.Contains(slices.Concat(shopify.Wanted(), shopify.Compliance()), topic) {
		return nil, bellhop.Invalidf("topic", "bellhop does not read the topic %q: give one of %s", bellhop.Clip(topic, 40),
			strings.Join(slices.Concat(shopify.Wanted(), shopify.Compliance()), ", "))
	}
	o.Updates, o.Orders = 1, 0
	all, err := Generate(o)
	if err != nil {
		return nil, err
	}
	if body := shopBody(topic, o.Shops[0]); body != "" {
		return NewDelivery(o.Shops[0], topic, o.Secret, o.Now(), []byte(body)), nil
	}
	tries := 0
	for d := range all {
		if d.Topic == topic {
			return d, nil
		}
		if tries++; tries == sampleTries {
			break
		}
	}
	return nil, bellhop.Errorf(bellhop.Internal, "topic", "the twin makes no %s", topic)
}

// shopBody is the body of a topic that is about no order; "" for others.
func shopBody(topic, shop string) string {
	switch topic {
	case shopify.TopicShopUpdate, shopify.TopicAppUninstalled:
		return fmt.Sprintf(`{"id":548380009,"name":"Demo shop","email":"owner@example.com","domain":%[1]q,"country":"US",`+
			`"currency":"USD","timezone":"(GMT-05:00) Eastern Time (US & Canada)","iana_timezone":"America\/New_York",`+
			`"plan_display_name":"Basic","plan_name":"basic","myshopify_domain":%[1]q}`, shop)
	case shopify.TopicAppScopesUpdate:
		return `{"id":4,"previous":["read_orders"],"current":["read_customers","read_orders"],` +
			`"updated_at":"2026-11-22T09:00:00.000Z","shop_id":548380009}`
	case shopify.TopicCustomersDataRequest:
		return fmt.Sprintf(`{"shop_id":548380009,"shop_domain":%q,"orders_requested":[],"customer":{"id":191167,`+
			`"email":"jo@example.com","phone":null},"data_request":{"id":9999}}`, shop)
	case shopify.TopicCustomersRedact:
		return fmt.Sprintf(`{"shop_id":548380009,"shop_domain":%q,"customer":{"id":191167,"email":"jo@example.com",`+
			`"phone":null},"orders_to_redact":[]}`, shop)
	case shopify.TopicShopRedact:
		return fmt.Sprintf(`{"shop_id":548380009,"shop_domain":%q}`, shop)
	}
	return ""
}
