package shopify_test

import (
	"strings"
	"testing"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// kinds are bodies that one app's secret may sign, each by the topics that it belongs
// to.
var kinds = map[string]struct {
	body   string // or a file in testdata
	topics string
}{
	"order":            {"orders_create.usd.json", "orders/create orders/updated orders/paid orders/cancelled orders/fulfilled orders/partially_fulfilled"},
	"edit":             {"orders_edited.committed.json", "orders/edited"},
	"refund":           {"refunds_create.one_line.json", "refunds/create"},
	"deletion":         {"orders_delete.above_2_53.json", "orders/delete"},
	"shop":             {"app_uninstalled.shop.json", "app/uninstalled shop/update"},
	"data request":     {"customers_data_request.one.json", "customers/data_request"},
	"customer redact":  {"customers_redact.one.json", "customers/redact"},
	"shop redact":      {"shop_redact.one.json", "shop/redact"},
	"redact elsewhere": {`{"shop_id":1,"shop_domain":"Other.myshopify.com"}`, ""},
	"shop elsewhere":   {`{"id":1,"domain":"shop.example","myshopify_domain":"other.myshopify.com","plan_name":"basic"}`, ""},
	"scopes":           {"app_scopes_update.one.json", "app/scopes_update"},
	"sample's redact":  {`{"shop_id":954889,"shop_domain":"{shop}.myshopify.com"}`, "shop/redact"},
	"draft order": {`{"id":7,"order_id":null,"name":"#D1","currency":"USD","total_price":"9.00","status":"open","line_items":[],
		"created_at":"2026-11-20T09:00:00Z","updated_at":"2026-11-20T09:00:00Z","admin_graphql_api_id":"gid:\/\/shopify\/DraftOrder\/7"}`, ""},
	"checkout": {`{` + simulate.Blank + `"id":7,"token":"t","currency":"USD","total_price":"9.00","abandoned_checkout_url":"https:\/\/shop.example\/7","line_items":[],
		"created_at":"2026-11-20T09:00:00Z","updated_at":"2026-11-20T09:00:00Z"}`, ""},
	"fulfillment": {`{"id":7,"order_id":8,"status":"success","created_at":"2026-11-20T09:00:00Z","line_items":[],
		"admin_graphql_api_id":"gid:\/\/shopify\/Fulfillment\/7"}`, "fulfillments/create fulfillments/update"},
	"risk": {`{"order_id":8,"risk_level":"high","provider_id":null,"created_at":null}`, "orders/risk_assessment_changed"},
	"transaction": {`{"id":7,"order_id":8,"kind":"refund","amount":"9.00","created_at":"2026-11-20T09:00:00Z",
		"admin_graphql_api_id":"gid:\/\/shopify\/OrderTransaction\/7"}`, ""},
	"product":  {`{"id":7,"title":"Tee","admin_graphql_api_id":"gid:\/\/shopify\/Product\/7"}`, ""},
	"customer": {`{` + simulate.Blank + `"id":7,"email":"jo@example.com","currency":"USD","total_spent":"9.00","admin_graphql_api_id":"gid:\/\/shopify\/Customer\/7"}`, ""},
	"odd kind": {`{` + simulate.Blank + `"id":7,"currency":"USD","total_price":"9.00","created_at":"2026-11-20T09:00:00Z","admin_graphql_api_id":7}`, ""},
}

// TestBodiesUnderOtherTopics sends every kind of body under every topic: Shopify
// doesn't sign the topic.
func TestBodiesUnderOtherTopics(t *testing.T) {
	topics := strings.Fields(`orders/create orders/updated orders/paid orders/cancelled orders/fulfilled orders/partially_fulfilled
		orders/edited orders/delete orders/risk_assessment_changed refunds/create fulfillments/create fulfillments/update app/uninstalled app/scopes_update shop/update
		customers/data_request customers/redact shop/redact`)
	for name, kind := range kinds {
		body := []byte(kind.body)
		if strings.HasSuffix(kind.body, ".json") {
			body = read(t, "testdata/"+kind.body)
		}
		for _, topic := range topics {
			f, err := shopify.Decode(event(topic, body))
			fits := strings.Contains(" "+kind.topics+" ", " "+topic+" ")
			switch {
			case fits && err != nil:
				t.Errorf("a body of %s under its own topic %s: %v", name, topic, err)
			case name == "deletion" && len(f.Lacks) > 0: // an id may be all that is left of an order
			case !fits && !bellhop.IsPermanent(err):
				t.Errorf("a body of %s is taken under %s: order %d, deleted %t, skip %q", name, topic, f.OrderID,
					f.Deleted, f.Skip)
			case !fits && !safe.MatchString(err.Error()):
				t.Errorf("a body of %s under %s: the error is %q", name, topic, err)
			}
		}
	}
}
