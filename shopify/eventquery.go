package shopify

import (
	"slices"
	"strconv"
	"strings"
)

// An Event's body is what a query of ours answers. The app's configuration has it, in a subscription of these.
const (
	EventTopic  = "Order"
	EventHandle = "bellhop-orders" // tells the subscription from the app's others
)

// EventActions are what may happen to what an Event is about.
func EventActions() []string { return []string{"create", "update", "delete"} }

// The sizes of pages in an Event. Shopify takes no query of more than 100 points: with these ours has 95, and 100
// with the products. An order of more than that is fetched.
const (
	eventLines = 20 // of an order, a refund or a parcel
	eventParts = 5  // of what an order seldom has more than one of
)

// EventQuery returns the query of an Event's subscription: the whole order, as far as the app's scopes let it. Its
// only variable is $orderId, which Shopify sets.
func EventQuery(scopes []string) string {
	return strings.NewReplacer(append(
		scoped(scopes, "customers", customerField, ifCustomers),
		append(scoped(scopes, "products", productField, ifProducts),
			ifPeople, "", "$lines", strconv.Itoa(eventLines), "$parts", strconv.Itoa(eventParts))...)...,
	).Replace(`query OrderEvent($orderId: ID!) {
  shop { ianaTimezone }
  order(id: $orderId) {` + OrderSelection + `
  }
}`)
}

// scoped replaces a field: without its condition where a scope is granted, and else by nothing.
func scoped(scopes []string, what, field, condition string) []string {
	if slices.Contains(scopes, "read_"+what) || slices.Contains(scopes, "write_"+what) {
		return []string{condition, ""}
	}
	return []string{field, ""}
}
