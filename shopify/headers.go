package shopify

import (
	"net/http"
	"strings"

	"bellhop"
)

// headerNames are the headers of a delivery, in the form that net/http stores them under. Shopify signs none of them.
type headerNames struct {
	signature, shop, topic, apiVersion, webhookID string
	eventID, triggeredAt                          string // optional
}

// Webhooks and Events have the same headers under other names. What an Event is about is in two of them.
var (
	webhookHeaders = headerNames{HeaderHMAC, HeaderShop, HeaderTopic, HeaderAPIVersion, HeaderWebhookID,
		HeaderEventID, HeaderTriggeredAt}
	eventHeaders = headerNames{"Shopify-Hmac-Sha256", "Shopify-Shop-Domain", "Shopify-Topic", "Shopify-Api-Version",
		"Shopify-Webhook-Id", "Shopify-Event-Id", "Shopify-Triggered-At"}
)

const actionHeader = "Shopify-Action"

// in reports whether one of the headers is there, with a value or without.
func (n *headerNames) in(h http.Header) bool {
	for _, name := range [...]string{n.signature, n.shop, n.topic, n.apiVersion, n.webhookID, n.eventID, n.triggeredAt} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// namesIn returns the names that a delivery's headers go by.
func namesIn(h http.Header) *headerNames {
	if eventHeaders.in(h) {
		return &eventHeaders
	}
	return &webhookHeaders
}

// IsDelivery reports whether headers are those of something that Shopify sends, going by the signature.
func IsDelivery(h http.Header) bool {
	return len(h[webhookHeaders.signature]) > 0 || len(h[eventHeaders.signature]) > 0
}

// OfShopify reports whether a header is Shopify's own, whose value Shopify sends once.
func OfShopify(name string) bool {
	return strings.HasPrefix(name, "X-Shopify-") || strings.HasPrefix(name, "Shopify-")
}

// Signature returns the signature in a delivery's headers; "" without one, or with several.
func Signature(h http.Header) string {
	if all := h[namesIn(h).signature]; len(all) == 1 {
		return all[0]
	}
	return ""
}

// ShopIn returns the shop in a delivery's headers as it is written there; "" without one.
func ShopIn(h http.Header) string { return h.Get(namesIn(h).shop) }

// ReadHeaders returns what the headers of a webhook or of an Event say. The topic of an Event is its own and its
// action, such as Order/create. The caller sets ID, AcceptedAt, SignedBy and Body. Every error is of the kind
// bellhop.Invalid.
func ReadHeaders(h http.Header) (*bellhop.Event, error) {
	names := namesIn(h)
	if names == &eventHeaders && webhookHeaders.in(h) {
		return nil, bellhop.Invalidf("headers_mixed",
			"headers of a webhook (X-Shopify-) and of an Event (Shopify-) come together")
	}
	e := &bellhop.Event{}
	for _, f := range [...]struct {
		name  string
		value *string
	}{
		{names.topic, &e.Topic},
		{names.shop, &e.Shop},
		{names.apiVersion, &e.APIVersion},
		{names.webhookID, &e.WebhookID},
	} {
		if err := required(h, f.name, f.value); err != nil {
			return nil, err
		}
	}
	if names == &eventHeaders {
		var action string
		if err := required(h, actionHeader, &action); err != nil {
			return nil, err
		}
		e.Topic = keep(e.Topic + "/" + action)
	}
	if bellhop.OwnTopic(e.Topic) { // nobody signs the topic
		return nil, bellhop.Invalidf("own_topic", "the topic %s is bellhop's own: no webhook has it",
			bellhop.Clip(e.Topic, 40))
	}
	shop, err := bellhop.ParseShopDomain(e.Shop)
	if err != nil {
		return nil, err
	}
	e.Shop = shop
	e.ShopifyEventID = optional(h, names.eventID)
	if at, ok := ParseTime(optional(h, names.triggeredAt)); ok {
		e.TriggeredAt = at.UTC()
	}
	return e, nil
}

// maxHeader bounds the kept part of one header.
const maxHeader = 255

func required(h http.Header, name string, value *string) error {
	switch values := h[name]; {
	case len(values) > 1:
		return bellhop.Invalidf("header_repeated", "the header %s is given more than once", name)
	case len(values) == 0 || values[0] == "":
		return bellhop.Invalidf("header_missing", "the header %s is missing", name)
	default:
		*value = keep(values[0])
		return nil
	}
}

// optional returns the first value, since nothing depends on these headers.
func optional(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return keep(values[0])
	}
	return ""
}

// keep makes a header's value fit for every database.
func keep(s string) string {
	if len(s) > maxHeader {
		s = s[:maxHeader]
	}
	return strings.ToValidUTF8(s, "")
}
