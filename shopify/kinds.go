package shopify

import (
	"bytes"

	"github.com/goccy/go-json"

	"bellhop"
)

// Shopify signs a body, and neither its topic nor its shop: whoever has one body can
// have it come again under another topic or shop. A body therefore has to be of the
// kind that its topic says, as far as it tells.

func otherKind(topic, why string) error {
	return bellhop.Invalidf("body_kind", "the body is not one of %s: %s", topic, why)
}

// resource is what a body says it is, by its admin_graphql_api_id, as "Order" of
// gid://shopify/Order/1; "" where the body doesn't say.
type resource string

const (
	resourceOrder  resource = "Order"
	resourceRefund resource = "Refund"
	resourceOther  resource = "?"
)

func (r *resource) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	id, _ := bytes.CutPrefix(bytes.ReplaceAll(b, []byte(`\/`), []byte("/")), []byte(`"gid://shopify/`))
	kind, _, _ := bytes.Cut(id, []byte("/"))
	switch string(kind) {
	case "Order":
		*r = resourceOrder
	case "Refund":
		*r = resourceRefund
	default:
		*r = resourceOther
	}
	return nil
}

// is reports whether a body may be of a kind.
func (r resource) is(kind resource) bool { return r == "" || r == kind }

// fields are a body of which what is there matters.
type fields map[string]json.RawMessage

func fieldsOf(body []byte) (f fields, err error) { return f, unmarshal(body, &f) }

// has reports whether a field is there and not null.
func (f fields) has(name string) bool { return len(f[name]) > 0 && string(f[name]) != "null" }

// ofShop refuses what names another shop. What is no domain, as in Shopify's samples,
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

// checkRequest refuses what is no request of its topic: somebody may act on it who
// reads no more than the topic.
func checkRequest(e *bellhop.Event) error {
	f, err := fieldsOf(e.Body)
	if err != nil {
		return err
	}
	domain := "shop_domain"
	fits := f.has(domain)
	switch e.Topic {
	case TopicCustomersDataRequest:
		fits = fits && f.has("customer") && !f.has("orders_to_redact")
	case TopicCustomersRedact:
		fits = fits && f.has("customer") && !f.has("orders_requested") && !f.has("data_request")
	case TopicShopRedact:
		fits = fits && !f.has("customer")
	case TopicAppUninstalled: // the shop itself, also where it says neither
		domain = "myshopify_domain"
		_, named := f[domain]
		_, at := f["domain"]
		fits = f.has("id") && (named || at)
	}
	if !fits {
		return otherKind(e.Topic, "it lacks what such a body has")
	}
	return f.ofShop(e, domain)
}
