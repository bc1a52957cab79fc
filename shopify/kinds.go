package shopify

import (
	"bytes"
	"slices"

	"github.com/goccy/go-json"

	"bellhop"
)

// Shopify signs the body, but neither topic nor shop: with one body somebody could send it again
// under another topic or shop. So a body must be of its topic's kind, as far as it shows.

func otherKind(topic, why string) error {
	return bellhop.Invalidf("body_kind", "the body is not one of %s: %s", topic, why)
}

// resource is the body's own type from its admin_graphql_api_id, such as "Order" of
// gid://shopify/Order/1; "" without one.
type resource string

const (
	resourceOrder       resource = "Order"
	resourceRefund      resource = "Refund"
	resourceFulfillment resource = "Fulfillment"
	resourceOther       resource = "?"
)

func (r *resource) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	id, _ := bytes.CutPrefix(bytes.ReplaceAll(b, []byte(`\/`), []byte("/")), []byte(`"gid://shopify/`))
	kind, _, _ := bytes.Cut(id, []byte("/"))
	switch k := resource(kind); k {
	case resourceOrder, resourceRefund, resourceFulfillment:
		*r = k
	default:
		*r = resourceOther
	}
	return nil
}

// is reports whether a body may be of a kind.
func (r resource) is(kind resource) bool { return r == "" || r == kind }

// fields are a body's fields, for checks of which ones are present.
type fields map[string]json.RawMessage

func fieldsOf(body []byte) (f fields, err error) { return f, unmarshal(body, &f) }

// has reports whether a field is present and not null.
func (f fields) has(name string) bool { return len(f[name]) > 0 && string(f[name]) != "null" }

// mentions reports whether an order's body has a field, bare or in the envelope of the REST API.
func mentions(body []byte, name string) bool {
	f, err := fieldsOf(body)
	if err != nil {
		return false
	}
	if _, ok := f[name]; ok {
		return true
	}
	inner, err := fieldsOf(f["order"])
	_, ok := inner[name]
	return err == nil && ok
}

// ofShop refuses a body that names another shop. A text that is no domain, as in Shopify's samples,
// names none.
func (f fields) ofShop(e *bellhop.Event, name string) error {
	var domain string
	if json.Unmarshal(f[name], &domain) != nil {
		return nil
	}
	if shop, err := bellhop.ParseShopDomain(domain); err == nil && shop != e.Shop {
		return otherKind(e.Topic, "it names another shop")
	}
	return nil
}

// names reports whether one of these fields is present, be it null.
func (f fields) names(any ...string) bool {
	return slices.ContainsFunc(any, func(name string) bool { return f[name] != nil })
}

// checkRequest refuses a body that does not fit its topic: of a customer's request that came under another topic
// somebody could make the end of the shop. Any field of a customer's request tells it from a shop's, even if
// it is null.
func checkRequest(e *bellhop.Event) error {
	f, err := fieldsOf(e.Body)
	if err != nil {
		return err
	}
	gives, forgets := f.names("orders_requested", "data_request"), f.names("orders_to_redact")
	fits := f.has("shop_domain")
	switch customer := f.names("customer"); e.Topic {
	case TopicCustomersDataRequest:
		fits = fits && (customer || gives) && !forgets
	case TopicCustomersRedact:
		fits = fits && (customer || forgets) && !gives
	case TopicShopRedact:
		fits = fits && !customer && !gives && !forgets
	}
	if !fits {
		return lacking(e.Topic)
	}
	return f.ofShop(e, "shop_domain")
}

// checkShop refuses a body that is not the shop itself. Shopify's own samples name no domain, and have the
// fields all the same.
func checkShop(e *bellhop.Event) error {
	f, err := fieldsOf(e.Body)
	if err != nil {
		return err
	}
	_, named := f["myshopify_domain"]
	_, at := f["domain"]
	if !f.has("id") || !named && !at {
		return lacking(e.Topic)
	}
	return f.ofShop(e, "myshopify_domain")
}

func lacking(topic string) error { return otherKind(topic, "it lacks what such a body has") }
