package shopify

import (
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"bellhop"
)

// decodeAnswer decodes an event that bellhop made of an answer of the Admin API: the order becomes what a webhook
// would have said, so that one set of rules reads both. The order is nil where Shopify has none of that id.
func decodeAnswer(e *bellhop.Event) (int64, *bellhop.Order, error) {
	if e.SignedBy != bellhop.SignerAPI {
		return 0, nil, otherKind(e.Topic, "bellhop did not fetch it")
	}
	return answeredOrder(e)
}

// answeredOrder decodes the order that a query of ours answered.
func answeredOrder(e *bellhop.Event) (int64, *bellhop.Order, error) {
	var root answerRoot
	if _, err := unmarshalLoosely(e.Body, &root); err != nil {
		return 0, nil, err
	}
	id, ok := OrderID(root.Variables.OrderID)
	if !ok {
		return 0, nil, bellhop.Invalidf("body_field", "query_variables.orderId is missing or no order's")
	}
	switch string(root.Data.Order) {
	case "":
		return 0, nil, bellhop.Invalidf("body_field", "data.order is missing")
	case "null":
		return id, nil, nil
	}
	var n orderNode
	unread, err := unmarshalLoosely(root.Data.Order, &n)
	if err != nil {
		return 0, nil, err
	}
	if err := n.check(id); err != nil {
		return 0, nil, err
	}
	zone, err := bellhop.ParseTimezone(root.Data.Shop.Timezone)
	if err != nil {
		zone = time.UTC // the times are right all the same
	}
	o, err := orderOf(n.order(zone), e, unread)
	if err != nil {
		return 0, nil, err
	}
	o.Version.Hash = xxhash.Sum64(e.Body)
	sign(&o.History, o.Version.Hash)
	return id, o, nil
}

// check refuses what is not the whole order of that id.
func (n *orderNode) check(id int64) error {
	cut := n.Lines.Page.More || n.ShippingLines.Page.More
	for i := range n.Fulfillments {
		cut = cut || n.Fulfillments[i].Lines.Page.More
	}
	for i := range n.Refunds {
		r := &n.Refunds[i]
		cut = cut || r.Lines.Page.More || r.Shipping.Page.More || r.Adjustments.Page.More || r.Transactions.Page.More
	}
	switch own, ok := OrderID(n.ID); {
	case !ok || own != id:
		return bellhop.Invalidf("body_field", "data.order.id is missing or not that of query_variables.orderId")
	case n.Total.Shop.Amount == "":
		return bellhop.Invalidf("body_field", "originalTotalPriceSet is missing") // the current total is another one
	case cut:
		return bellhop.Invalidf("body_cut", "the order has more pages than the body")
	}
	return nil
}

// order is the order as a webhook has it. Times get the shop's offset.
func (n *orderNode) order(zone *time.Location) *order {
	at := inZone(zone)
	id, _ := OrderID(n.ID) // it was checked
	o := &order{
		ID: id, Name: n.Name, OrderNumber: n.Number, Currency: n.Currency, Email: n.Email, Phone: n.Phone,
		Locale: n.Locale, Customer: n.Customer.customer(), BillingAddress: n.Billing.address(),
		ShippingAddress: n.Shipping.address(), Note: n.Note, FinancialStatus: n.financialStatus(),
		FulfillmentStatus: n.fulfillmentStatus(), Test: n.Test, CreatedAt: at(n.CreatedAt),
		ProcessedAt: at(n.ProcessedAt), UpdatedAt: at(n.UpdatedAt), CancelledAt: at(n.CancelledAt),
		ClosedAt: at(n.ClosedAt), CancelReason: strings.ToLower(n.CancelReason), Tags: n.Tags, PONumber: n.PONumber,
		SourceName: n.SourceName, Gateways: n.Gateways, TaxesIncluded: n.TaxesIncluded, sums: n.sums(),
		NoteAttributes: convert(n.Attributes, maxList, (*attributeNode).property),
		DiscountCodes:  n.discountCodes(),
		TaxLines:       convert(n.TaxLines, maxList, (*taxLineNode).taxLine),
		ShippingLines:  convert(n.ShippingLines.Nodes, maxList, (*shippingNode).line),
		Returns:        returns(n.ReturnStatus),
	}
	if n.Lines.Nodes != nil {
		o.LineItems = make([]line, 0, len(n.Lines.Nodes)) // not nil, which would say that they are missing
	}
	for i := range n.Lines.Nodes {
		l := &n.Lines.Nodes[i]
		o.LineItems = append(o.LineItems, l.line())
		if g := l.Group.group(); g.ID > 0 && !slices.Contains(o.LineItemGroups, g) {
			o.LineItemGroups = append(o.LineItemGroups, g)
		}
	}
	n.markTips(o)
	for i := range n.Refunds {
		o.Refunds = append(o.Refunds, n.Refunds[i].refund(at))
	}
	for i := range n.Fulfillments {
		o.Fulfillments = append(o.Fulfillments, n.Fulfillments[i].fulfillment(at))
	}
	return o
}

// inZone writes times with a zone's offset. GraphQL has them in UTC, webhooks with the shop's.
func inZone(zone *time.Location) func(string) string {
	return func(s string) string {
		t, ok := ParseTime(s)
		if !ok || t.IsZero() {
			return s
		}
		return t.In(zone).Format(time.RFC3339Nano)
	}
}

func (n *orderNode) sums() sums {
	return sums{
		TotalPrice: n.Total.Shop.amount(), TotalPriceSet: n.Total.set(), Subtotal: n.Subtotal.Shop.amount(),
		Discounts: n.Discounts.Shop.amount(), ShippingSet: n.ShippingSum.set(), Tax: n.Tax.Shop.amount(),
		DutiesSet: n.Duties.set(), FeesSet: n.Fees.set(), Tips: n.Tips.Shop.amount(),
		NowTotal: n.NowTotal.Shop.amount(), NowTotalSet: n.NowTotal.set(), NowSubtotal: n.NowSubtotal.Shop.amount(),
		NowDiscounts: n.NowDiscounts.Shop.amount(), NowShippingSet: n.NowShipping.set(), NowTax: n.NowTax.Shop.amount(),
		NowDutiesSet: n.NowDuties.set(), NowFeesSet: n.NowFees.set(), Outstanding: n.Outstanding.Shop.amount(),
	}
}

// financialStatus is derived where Shopify says none.
func (n *orderNode) financialStatus() string {
	refunded, _ := bellhop.ParseMoney(string(n.Refunded.Shop.Amount), n.Currency)
	received, _ := bellhop.ParseMoney(string(n.Received.Shop.Amount), n.Currency)
	rest, _ := received.Sub(refunded)
	switch {
	case n.FinancialStatus != "":
		return strings.ToLower(n.FinancialStatus)
	case n.FullyPaid == nil:
		return ""
	case refunded.Units > 0 && rest.Units <= 0:
		return "refunded"
	case refunded.Units > 0:
		return "partially_refunded"
	case *n.FullyPaid:
		return "paid"
	case n.Unpaid:
		return "pending"
	}
	return "partially_paid"
}

// fulfillmentStatus is a webhook's word. It has none for an order of which nothing is sent: GraphQL also shows who
// works at the rest.
func (n *orderNode) fulfillmentStatus() string {
	switch n.FulfillmentStatus {
	case "FULFILLED":
		return "fulfilled"
	case "PARTIALLY_FULFILLED":
		return "partial"
	case "RESTOCKED":
		return "restocked"
	case "IN_PROGRESS", "ON_HOLD", "SCHEDULED", "REQUEST_DECLINED", "PENDING_FULFILLMENT":
		if slices.ContainsFunc(n.Fulfillments, func(f fulfillmentNode) bool { return f.Status == "SUCCESS" }) {
			return "partial"
		}
	}
	return ""
}

// returns are all returns as one: their own words need a scope that nothing else needs.
func returns(display string) []shopReturn {
	words := map[string]string{"RETURN_REQUESTED": "requested", "IN_PROGRESS": "open", "INSPECTION_COMPLETE": "open",
		"RETURNED": "closed", "RETURN_FAILED": "canceled"}
	if words[display] == "" {
		return nil
	}
	return []shopReturn{{Status: words[display]}}
}

// discountCodes have the sum of what each took off the lines.
func (n *orderNode) discountCodes() (all []discountCode) {
	for _, code := range n.DiscountCodes {
		sum := bellhop.Money{Currency: n.Currency}
		add := func(allocations []allocationNode) {
			for i := range allocations {
				a := &allocations[i]
				if m, err := bellhop.ParseMoney(string(a.Amount.Shop.amount()), n.Currency); err == nil &&
					strings.EqualFold(a.Application.Code, code) {
					sum, _ = sum.Add(m)
				}
			}
		}
		for i := range n.Lines.Nodes {
			add(n.Lines.Nodes[i].Allocations)
		}
		for i := range n.ShippingLines.Nodes {
			add(n.ShippingLines.Nodes[i].Allocations)
		}
		all = append(all, discountCode{code, amount(sum.String())})
	}
	return all
}

// markTips marks the lines that are tips. GraphQL doesn't tell them apart: they are lines of no product that nobody
// can send, and come to what the order says of its tips.
func (n *orderNode) markTips(o *order) {
	tips, err := bellhop.ParseMoney(string(n.Tips.Shop.amount()), n.Currency)
	if err != nil || tips.Units <= 0 {
		return
	}
	var like []int
	sum := bellhop.Money{Currency: n.Currency}
	for i := range n.Lines.Nodes {
		l := &n.Lines.Nodes[i]
		price, err := bellhop.ParseMoney(string(l.Price.Shop.amount()), n.Currency)
		total, fits := price.Times(pieces(l.Quantity))
		if err != nil || !fits || !l.likeTip() {
			continue
		}
		if total == tips {
			like, sum = []int{i}, total
			break
		}
		like = append(like, i)
		sum, _ = sum.Add(total)
	}
	if sum != tips {
		return
	}
	for _, i := range like {
		o.LineItems[i].TipMethod = "tip"
	}
}

func (l *lineNode) likeTip() bool {
	return l.NonFulfillable == l.Quantity && l.Product != refPresent && l.SKU == "" &&
		l.Vendor == "" && l.VariantTitle == "" && !l.RequiresShipping && !l.Taxable && !l.GiftCard
}
