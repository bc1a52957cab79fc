package shopify

import (
	"strconv"
	"strings"
)

// What bellhop asks of an order in GraphQL, so that it has what a webhook's body would have. Queries of the Admin API
// are made of these selections. No field in them is deprecated: where Shopify retired the version that was asked for,
// a newer one answers.
//
// Variables say what the app's scopes allow: $customers (read_customers) and $products (read_products); read_orders
// covers all else. $people leaves out what Shopify may refuse an app that isn't approved for it. $lines and $parts are
// the sizes of pages.
const (
	// OrderSelection is a whole order. Where a page in it has a next one, [Connections] get the rest.
	OrderSelection = OrderFields + `
    lineItems(first: $lines) {` + nodes + lineFields + ` }` + page + ` }
    shippingLines(first: $parts, includeRemovals: true) {` + nodes + shippingFields + ` }` + page + ` }
    fulfillments {
      id status displayStatus createdAt updatedAt
      trackingInfo { company number url }
      fulfillmentLineItems(first: $lines) {` + nodes + parcelLineFields + ` }` + page + ` }
    }
    refunds {
      id createdAt processedAt note duties { amountSet` + bag + ` }
      refundLineItems(first: $lines) {` + nodes + refundLineFields + ` }` + page + ` }
      refundShippingLines(first: $parts) {` + nodes + refundShippingFields + ` }` + page + ` }
      orderAdjustments(first: $parts) {` + nodes + adjustmentFields + ` }` + page + ` }
      transactions(first: $parts) {` + nodes + transactionFields + ` }` + page + ` }
    }`

	// OrderFields is an order without its lists that come in pages.
	OrderFields = `
    id name number createdAt updatedAt processedAt cancelledAt closedAt cancelReason test
    currencyCode taxesIncluded displayFinancialStatus fullyPaid unpaid displayFulfillmentStatus
    returnStatus
    email` + ifPeople + ` phone` + ifPeople + `
    customerLocale note tags poNumber sourceName paymentGatewayNames discountCodes
    customAttributes { key value }
    ` + customerField + `
    billingAddress` + ifPeople + addressFields + `
    shippingAddress` + ifPeople + addressFields + `
    originalTotalPriceSet` + bag + `
    subtotalPriceSet` + inShops + `
    totalDiscountsSet` + inShops + `
    totalShippingPriceSet` + inShops + `
    totalTaxSet` + inShops + `
    originalTotalDutiesSet` + inShops + `
    originalTotalAdditionalFeesSet` + inShops + `
    totalTipReceivedSet` + inShops + `
    currentTotalPriceSet` + bag + `
    currentSubtotalPriceSet` + inShops + `
    currentTotalDiscountsSet` + inShops + `
    currentShippingPriceSet` + inShops + `
    currentTotalTaxSet` + inShops + `
    currentTotalDutiesSet` + inShops + `
    currentTotalAdditionalFeesSet` + inShops + `
    totalOutstandingSet` + inShops + `
    totalReceivedSet` + inShops + `
    totalRefundedSet` + inShops + `
    taxLines { title rate priceSet` + inShops + ` }`
)

const (
	nodes   = ` nodes {`
	page    = ` pageInfo { hasNextPage endCursor }`
	inShops = ` { shopMoney { amount currencyCode } }`
	bag     = ` { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }`

	// These fields need a scope of their own.
	customerField = `customer` + ifCustomers + ` {
      id firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber }
    }`
	ifCustomers  = ` @include(if: $customers)`
	ifPeople     = ` @include(if: $people)`
	productField = `product @include(if: $products) { id }`

	addressFields = ` {
      name firstName lastName company address1 address2 city zip province provinceCode country countryCodeV2 phone
    }`
	allocations = `
        discountAllocations {
          allocatedAmountSet` + inShops + ` discountApplication { ... on DiscountCodeApplication { code } }
        }`

	lineFields = `
        id title variantTitle sku vendor quantity currentQuantity unfulfilledQuantity nonFulfillableQuantity
        requiresShipping taxable isGiftCard
        originalUnitPriceSet` + inShops + `
        customAttributes { key value }` + allocations + `
        taxLines { priceSet` + inShops + ` }
        lineItemGroup { id title quantity }
        ` + productField
	shippingFields = `
        id title code isRemoved
        originalPriceSet` + inShops + allocations

	parcelLineFields     = ` id quantity lineItem { id }`
	refundLineFields     = ` id quantity restockType lineItem { id } subtotalSet` + bag + ` totalTaxSet` + bag
	refundShippingFields = ` id subtotalAmountSet` + bag + ` taxAmountSet` + bag
	adjustmentFields     = ` id reason amountSet` + bag + ` taxAmountSet` + bag
	transactionFields    = ` id kind status amountSet` + bag
)

// Connection is a list of an order that comes in pages.
type Connection struct {
	Owner     string // the type that has it: Order, Fulfillment or Refund
	Field     string // its name there; no other type has one of that name
	Arguments string // beside those of its pages
	Fields    string // of a node
}

// Connections are all of them.
func Connections() []Connection {
	return []Connection{
		{"Order", "lineItems", "", lineFields},
		{"Order", "shippingLines", ", includeRemovals: true", shippingFields},
		{"Fulfillment", "fulfillmentLineItems", "", parcelLineFields},
		{"Refund", "refundLineItems", "", refundLineFields},
		{"Refund", "refundShippingLines", "", refundShippingFields},
		{"Refund", "orderAdjustments", "", adjustmentFields},
		{"Refund", "transactions", "", transactionFields},
	}
}

// OrderID returns the id in a global one, such as 1 of gid://shopify/Order/1.
func OrderID(global string) (id int64, ok bool) { return globalID("Order", global) }

// GlobalOrderID returns what [OrderID] reads.
func GlobalOrderID(id int64) string { return "gid://shopify/Order/" + strconv.FormatInt(id, 10) }

func globalID(kind, global string) (id int64, ok bool) {
	digits, ok := strings.CutPrefix(global, "gid://shopify/"+kind+"/")
	digits, _, _ = strings.Cut(digits, "?")
	id, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0, false
	}
	return id, true
}
