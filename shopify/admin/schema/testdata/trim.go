//go:build ignore

// Command trim cuts the types that bellhop uses out of the introspection of Shopify's Admin schema, and
// writes them as SDL. Package schema says where the introspection comes from.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keep lists the fields of each object. Scalars, enums and inputs come with the fields that need them.
var keep = map[string]string{
	"QueryRoot": "shop currentAppInstallation webhookSubscription webhookSubscriptions webhookSubscriptionsCount " +
		"node nodes order orders ordersCount bulkOperation",
	"Mutation": "webhookSubscriptionCreate webhookSubscriptionUpdate webhookSubscriptionDelete bulkOperationRunQuery " +
		"bulkOperationCancel",

	"Node": "id",
	"BulkOperation": "id status errorCode createdAt completedAt objectCount rootObjectCount fileSize url " +
		"partialDataUrl",
	"BulkOperationRunQueryPayload": "bulkOperation userErrors",
	"BulkOperationUserError":       "field message code",
	"BulkOperationCancelPayload":   "bulkOperation userErrors",

	"Shop":            "id name email myshopifyDomain currencyCode ianaTimezone plan url",
	"ShopPlan":        "publicDisplayName partnerDevelopment shopifyPlus",
	"AppInstallation": "id accessScopes",
	"AccessScope":     "handle description",
	"ApiVersion":      "handle displayName supported",
	"Count":           "count precision",
	"PageInfo":        "startCursor endCursor hasNextPage hasPreviousPage",
	"UserError":       "field message",

	"WebhookSubscription": "id legacyResourceId topic uri format filter includeFields metafieldNamespaces name " +
		"apiVersion createdAt updatedAt",
	"WebhookSubscriptionConnection":    "edges nodes pageInfo",
	"WebhookSubscriptionEdge":          "cursor node",
	"WebhookSubscriptionCreatePayload": "webhookSubscription userErrors",
	"WebhookSubscriptionUpdatePayload": "webhookSubscription userErrors",
	"WebhookSubscriptionDeletePayload": "deletedWebhookSubscriptionId userErrors",

	"OrderConnection": "edges nodes pageInfo",
	"OrderEdge":       "cursor node",
	"Order": "id legacyResourceId name number confirmationNumber poNumber createdAt updatedAt processedAt cancelledAt " +
		"closedAt cancelReason test confirmed edited fullyPaid unpaid currencyCode presentmentCurrencyCode taxesIncluded " +
		"totalPriceSet currentTotalPriceSet originalTotalPriceSet subtotalPriceSet currentSubtotalPriceSet totalTaxSet " +
		"currentTotalTaxSet totalDiscountsSet currentTotalDiscountsSet totalShippingPriceSet totalTipReceivedSet " +
		"originalTotalDutiesSet currentTotalDutiesSet originalTotalAdditionalFeesSet currentTotalAdditionalFeesSet " +
		"currentShippingPriceSet totalOutstandingSet totalReceivedSet totalRefundedSet displayFinancialStatus " +
		"displayFulfillmentStatus " +
		"customAttributes tags note sourceName sourceIdentifier paymentGatewayNames discountCodes customerLocale " +
		"email phone statusPageUrl customer shippingAddress billingAddress lineItems shippingLines taxLines " +
		"fulfillments refunds returnStatus risk",
	"LineItemConnection": "edges nodes pageInfo",
	"LineItemEdge":       "cursor node",
	"LineItem": "id title name variantTitle vendor sku quantity currentQuantity refundableQuantity unfulfilledQuantity " +
		"nonFulfillableQuantity requiresShipping isGiftCard taxable customAttributes originalUnitPriceSet " +
		"discountedUnitPriceSet " +
		"originalTotalSet discountedTotalSet totalDiscountSet discountAllocations lineItemGroup taxLines product variant",
	"LineItemGroup":                "id title quantity",
	"DiscountAllocation":           "allocatedAmountSet discountApplication",
	"DiscountApplication":          "index",
	"DiscountCodeApplication":      "index code",
	"AutomaticDiscountApplication": "index title",
	"ManualDiscountApplication":    "index title",
	"ScriptDiscountApplication":    "index title",
	"Product":                      "id legacyResourceId title",
	"ProductVariant":               "id legacyResourceId title sku",
	"Attribute":                    "key value",
	"MoneyBag":                     "shopMoney presentmentMoney",
	"MoneyV2":                      "amount currencyCode",
	"TaxLine":                      "title rate ratePercentage priceSet",
	"ShippingLineConnection":       "edges nodes pageInfo",
	"ShippingLineEdge":             "cursor node",
	"ShippingLine": "id title code source originalPriceSet discountedPriceSet currentDiscountedPriceSet " +
		"isRemoved discountAllocations",
	"Customer": "id legacyResourceId displayName firstName lastName email phone defaultEmailAddress " +
		"defaultPhoneNumber locale numberOfOrders",
	"CustomerEmailAddress": "emailAddress",
	"CustomerPhoneNumber":  "phoneNumber",
	"MailingAddress": "id name firstName lastName company phone address1 address2 city province provinceCode country " +
		"countryCodeV2 zip latitude longitude formatted",
	"Fulfillment": "id legacyResourceId name status displayStatus createdAt updatedAt inTransitAt deliveredAt " +
		"estimatedDeliveryAt totalQuantity trackingInfo fulfillmentLineItems",
	"FulfillmentTrackingInfo":       "company number url",
	"FulfillmentLineItemConnection": "edges nodes pageInfo",
	"FulfillmentLineItemEdge":       "cursor node",
	"FulfillmentLineItem":           "id quantity lineItem",
	"Refund": "id legacyResourceId createdAt updatedAt processedAt note duties totalRefundedSet refundLineItems " +
		"refundShippingLines orderAdjustments transactions",
	"RefundLineItemConnection":     "edges nodes pageInfo",
	"RefundLineItemEdge":           "cursor node",
	"RefundLineItem":               "id quantity restockType lineItem priceSet subtotalSet totalTaxSet",
	"RefundDuty":                   "amountSet",
	"RefundShippingLineConnection": "edges nodes pageInfo",
	"RefundShippingLineEdge":       "cursor node",
	"RefundShippingLine":           "id subtotalAmountSet taxAmountSet",
	"OrderAdjustmentConnection":    "edges nodes pageInfo",
	"OrderAdjustmentEdge":          "cursor node",
	"OrderAdjustment":              "id reason amountSet taxAmountSet",
	"OrderTransactionConnection":   "edges nodes pageInfo",
	"OrderTransactionEdge":         "cursor node",
	"OrderTransaction":             "id kind status gateway amountSet",
	"OrderRiskSummary":             "recommendation assessments",
	"OrderRiskAssessment":          "riskLevel provider facts",
	"App":                          "id title handle",
	"RiskFact":                     "description sentiment",
}

type introspection struct {
	Types []*object `json:"types"`
}

type object struct {
	Kind        string  `json:"kind"`
	Name        string  `json:"name"`
	Fields      []field `json:"fields"`
	InputFields []field `json:"inputFields"`
	EnumValues  []field `json:"enumValues"`
	Interfaces  []field `json:"interfaces"`
}

type field struct {
	Name       string  `json:"name"`
	Args       []field `json:"args"`
	Type       typeRef `json:"type"`
	Default    *string `json:"defaultValue"`
	Deprecated bool    `json:"isDeprecated"`
	Reason     string  `json:"deprecationReason"`
}

type typeRef struct {
	Kind   string   `json:"kind"`
	Name   string   `json:"name"`
	OfType *typeRef `json:"ofType"`
}

func (t typeRef) String() string {
	switch t.Kind {
	case "NON_NULL":
		return t.OfType.String() + "!"
	case "LIST":
		return "[" + t.OfType.String() + "]"
	}
	return t.Name
}

func (t typeRef) base() string {
	for t.OfType != nil {
		t = *t.OfType
	}
	return t.Name
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run trim.go admin_VERSION.json.gz > VERSION.graphql")
	}
	types, err := read(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	w := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(w, "# The types of Shopify's Admin API that bellhop uses. trim.go made this file from %s of the npm\n"+
		"# package @shopify/dev-mcp 1.16.0 (ISC licence, Shopify): don't edit it.\n\n", filepath.Base(os.Args[1]))
	fmt.Fprint(w, "schema {\n  query: QueryRoot\n  mutation: Mutation\n}\n")
	write(w, types)
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
}

func read(name string) (map[string]*object, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, err
	}
	var root struct {
		Data struct {
			Schema introspection `json:"__schema"`
		} `json:"data"`
		Schema introspection `json:"__schema"`
	}
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, err
	}
	types := map[string]*object{}
	for _, t := range append(root.Data.Schema.Types, root.Schema.Types...) {
		types[t.Name] = t
	}
	return types, nil
}

// write writes the kept objects, and then what they need, until nothing is missing.
func write(w io.Writer, types map[string]*object) {
	need, done := slices.Sorted(maps.Keys(keep)), map[string]bool{}
	for len(need) > 0 {
		var next []string
		for _, name := range need {
			if done[name] || slices.Contains([]string{"String", "Int", "Float", "Boolean", "ID"}, name) {
				continue
			}
			done[name] = true
			t := types[name]
			if t == nil {
				log.Printf("%s is not in this version", name)
				continue
			}
			next = append(next, t.write(w)...)
		}
		slices.Sort(next)
		need = next
	}
}

// write returns the types that one needs.
func (t *object) write(w io.Writer) (need []string) {
	switch t.Kind {
	case "SCALAR":
		fmt.Fprintf(w, "\nscalar %s\n", t.Name)
	case "ENUM":
		fmt.Fprintf(w, "\nenum %s {\n", t.Name)
		for _, v := range t.EnumValues {
			fmt.Fprintf(w, "  %s%s\n", v.Name, v.deprecation())
		}
		fmt.Fprintln(w, "}")
	case "INPUT_OBJECT":
		fmt.Fprintf(w, "\ninput %s {\n", t.Name)
		for _, f := range t.InputFields {
			fmt.Fprintf(w, "  %s\n", f.input())
			need = append(need, f.Type.base())
		}
		fmt.Fprintln(w, "}")
	case "OBJECT", "INTERFACE":
		fields, ok := keep[t.Name]
		if !ok {
			log.Fatalf("%s is needed: list its fields, or leave out the field that needs it", t.Name)
		}
		keyword := map[string]string{"OBJECT": "type", "INTERFACE": "interface"}[t.Kind]
		fmt.Fprintf(w, "\n%s %s%s {\n", keyword, t.Name, t.implements())
		for _, name := range strings.Fields(fields) {
			i := slices.IndexFunc(t.Fields, func(f field) bool { return f.Name == name })
			if i < 0 {
				log.Printf("%s.%s is not in this version", t.Name, name)
				continue
			}
			need = append(need, t.Fields[i].write(w)...)
		}
		fmt.Fprintln(w, "}")
	default:
		log.Fatalf("%s is of kind %s: leave out the field that needs it", t.Name, t.Kind)
	}
	return need
}

// implements names the kept interfaces that an object has.
func (t *object) implements() string {
	var kept []string
	for _, i := range t.Interfaces {
		if keep[i.Name] != "" {
			kept = append(kept, i.Name)
		}
	}
	if kept == nil {
		return ""
	}
	return " implements " + strings.Join(kept, " & ")
}

func (f field) write(w io.Writer) (need []string) {
	var args []string
	for _, a := range f.Args {
		args = append(args, a.input())
		need = append(need, a.Type.base())
	}
	list := ""
	if len(args) > 0 {
		list = "(" + strings.Join(args, ", ") + ")"
	}
	fmt.Fprintf(w, "  %s%s: %s%s\n", f.Name, list, f.Type, f.deprecation())
	return append(need, f.Type.base())
}

func (f field) input() string {
	text := f.Name + ": " + f.Type.String()
	if f.Default != nil {
		text += " = " + *f.Default
	}
	return text + f.deprecation()
}

func (f field) deprecation() string {
	if !f.Deprecated {
		return ""
	}
	return fmt.Sprintf(" @deprecated(reason: %q)", f.Reason)
}
