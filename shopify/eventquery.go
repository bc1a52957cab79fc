package shopify

import (
	"fmt"
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

// The sizes of pages in an Event. Shopify takes no query of more than 100 points: with these ours has 95, and with one
// line more 101. An order that has more is fetched.
const (
	eventLines = 45 // of an order, which alone has to be whole for its first push
	eventItems = 20 // of a refund or a parcel
	eventParts = 2  // of what an order seldom has more than one of
)

// EventQuery returns the query of an Event's subscription: the whole order, with its customer if the app's scopes let
// it. It has no products, which would cost the lines their room. Its only variable is $orderId, which Shopify sets.
func EventQuery(scopes []string) string {
	customer := []string{customerField, ""}
	if slices.Contains(scopes, "read_customers") || slices.Contains(scopes, "write_customers") {
		customer = []string{ifCustomers, ""}
	}
	return strings.NewReplacer(append(customer, ifPeople, "", productField, "",
		" lineItems(first: $lines)", fmt.Sprintf(" lineItems(first: %d)", eventLines),
		"$lines", strconv.Itoa(eventItems), "$parts", strconv.Itoa(eventParts))...,
	).Replace(`query OrderEvent($orderId: ID!) {
  shop { ianaTimezone }
  order(id: $orderId) {` + OrderSelection + `
  }
}`)
}
