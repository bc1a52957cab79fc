package shop_test

import (
	"strings"
	"testing"

	"bellhop/shopify"
	"bellhop/shopify/admin"
	"bellhop/shopify/admin/schema"
)

// eventPoints is the most that the query of an Event's subscription may cost.
const eventPoints = 100

// TestEventQueryFits asks the query of Events by each version, for each set of scopes.
func TestEventQueryFits(t *testing.T) {
	r := installed(t)
	for _, c := range []struct {
		scopes              []string
		customers, products bool
		cost                float64
	}{
		{admin.WantedScopes, true, false, 95},
		{[]string{"read_orders"}, false, false, 92},
		{[]string{"write_orders", "write_customers", "read_products"}, true, true, 100},
	} {
		query := shopify.EventQuery(c.scopes)
		if strings.Contains(query, "customer {") != c.customers || strings.Contains(query, "product {") != c.products ||
			strings.Count(query, "$") != 2 {
			t.Errorf("with %v it is %s", c.scopes, query)
		}
		for _, version := range schema.Versions() {
			a := r.askVersion(version, query, map[string]any{"orderId": "gid://shopify/Order/1"})
			if a.Errors != nil || a.Extensions.Cost.Requested != c.cost || c.cost > eventPoints {
				t.Errorf("with %v by %s: %s", c.scopes, version, a.text)
			}
		}
	}
}
