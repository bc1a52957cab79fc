package shopify

import (
	"strings"

	"bellhop"
)

// amount is what a webhook writes: GraphQL leaves zeros at the end out.
func (m moneyNode) amount() amount {
	text := string(m.Amount)
	_, decimals, _ := strings.Cut(text, ".")
	if text == "" || strings.Trim(text, "-.0123456789") != "" || m.Currency == "" {
		return m.Amount
	}
	missing := bellhop.CurrencyDigits(m.Currency) - len(decimals)
	if missing <= 0 {
		return m.Amount
	}
	if !strings.Contains(text, ".") {
		text += "."
	}
	return amount(text + strings.Repeat("0", missing))
}

// plus adds an amount of the same currency. What can't be added is left out.
func (m money) plus(n money) money {
	if m.Amount == "" {
		return n
	}
	a, err1 := bellhop.ParseMoney(string(m.Amount), m.Currency)
	b, err2 := bellhop.ParseMoney(string(n.Amount), n.Currency)
	if sum, ok := a.Add(b); ok && err1 == nil && err2 == nil {
		m.Amount = amount(sum.String())
	}
	return m
}

func (b bagNode) set() moneySet {
	return moneySet{Shop: money{b.Shop.amount(), b.Shop.Currency},
		Presentment: money{b.Presentment.amount(), b.Presentment.Currency}}
}

func (a *attributeNode) property() property { return property{a.Key, a.Value} }

func (c *customerNode) customer() customer {
	id, _ := globalID("Customer", c.ID)
	return customer{id, c.FirstName, c.LastName, c.Email.Address, c.Phone.Number}
}

func (a *addressNode) address() *address {
	if a == nil {
		return nil
	}
	to := address(*a)
	return &to
}

func (t *taxLineNode) taxLine() taxLine { return taxLine{t.Title, t.Rate, t.Price.Shop.amount()} }

func (a *allocationNode) allocation() allocation { return allocation{a.Amount.Shop.amount()} }

func (g *groupNode) group() lineGroup {
	id, _ := globalID("LineItemGroup", g.ID)
	return lineGroup{id, g.Title, g.Quantity}
}

func (l *lineNode) line() line {
	id, _ := globalID("LineItem", l.ID)
	product := l.Product
	if product == refAbsent && l.Vendor == "" { // read_products is not granted; a product always has a vendor
		product = refNull
	}
	return line{
		ID: id, Title: l.Title, VariantTitle: l.VariantTitle, SKU: l.SKU, Vendor: l.Vendor, Quantity: l.Quantity,
		Current: l.Current, Fulfillable: l.Unfulfilled, Price: l.Price.Shop.amount(),
		Allocations: convert(l.Allocations, maxList, (*allocationNode).allocation),
		TaxLines:    convert(l.TaxLines, maxList, (*taxLineNode).taxLine),
		Properties:  convert(l.Attributes, maxList, (*attributeNode).property),
		GiftCard:    l.GiftCard, Product: product, Variant: product, Group: l.Group.group().ID,
	}
}

func (s *shippingNode) line() shippingLine {
	return shippingLine{s.Title, s.Code, s.Price.Shop.amount(),
		convert(s.Allocations, maxList, (*allocationNode).allocation), s.Removed}
}

func (n *refundNode) refund(at func(string) string) refund {
	id, _ := globalID("Refund", n.ID)
	r := refund{ID: id, CreatedAt: at(n.CreatedAt), ProcessedAt: at(n.ProcessedAt), Note: n.Note}
	for i := range n.Duties {
		duty := n.Duties[i].Amount.set()
		r.DutiesSet = moneySet{r.DutiesSet.Shop.plus(duty.Shop), r.DutiesSet.Presentment.plus(duty.Presentment)}
	}
	for i := range n.Lines.Nodes {
		l := &n.Lines.Nodes[i]
		item, _ := globalID("LineItem", l.Item.ID)
		r.Lines = append(r.Lines, refundLine{Item: item, Quantity: l.Quantity,
			RestockType: strings.ToLower(l.RestockType), SubtotalSet: l.Subtotal.set(), TaxSet: l.Tax.set()})
	}
	for i := range n.Shipping.Nodes {
		r.Shipping = append(r.Shipping, refundShipping{n.Shipping.Nodes[i].Subtotal.set(), n.Shipping.Nodes[i].Tax.set()})
	}
	for i := range n.Adjustments.Nodes {
		r.Adjustments = append(r.Adjustments, adjustment{AmountSet: n.Adjustments.Nodes[i].Amount.set(),
			TaxSet: n.Adjustments.Nodes[i].Tax.set()})
	}
	for i := range n.Transactions.Nodes { // a webhook has them in the currency that the buyer paid in
		t := &n.Transactions.Nodes[i]
		r.Transactions = append(r.Transactions, transaction{strings.ToLower(t.Kind), strings.ToLower(t.Status),
			t.Amount.Presentment.amount(), t.Amount.Presentment.Currency})
	}
	return r
}

func (n *fulfillmentNode) fulfillment(at func(string) string) fulfillment {
	id, _ := globalID("Fulfillment", n.ID)
	f := fulfillment{ID: id, CreatedAt: at(n.CreatedAt), UpdatedAt: at(n.UpdatedAt), Status: strings.ToLower(n.Status),
		ShipmentStatus: shipmentStatus(n.DisplayStatus)}
	for _, t := range n.Tracking {
		if f.TrackingCompany == "" {
			f.TrackingCompany = t.Company
		}
		if t.Number != "" || t.URL != "" { // the carrier may be all that is known
			if t.Number != "" || t.URL != "" { // else it names the carrier alone
				f.TrackingNumbers, f.TrackingURLs = append(f.TrackingNumbers, t.Number), append(f.TrackingURLs, t.URL)
			}
		}
	}
	for i := range n.Lines.Nodes {
		item, _ := globalID("LineItem", n.Lines.Nodes[i].Item.ID)
		f.Lines = append(f.Lines, fulfillmentLine{item, n.Lines.Nodes[i].Quantity})
	}
	return f
}

// shipmentStatus is a webhook's word for how far the carrier got, "" for what only the merchant says.
func shipmentStatus(display string) string {
	switch display {
	case "FULFILLED", "MARKED_AS_FULFILLED", "SUBMITTED", "CANCELED", "LABEL_VOIDED":
		return ""
	}
	return strings.ToLower(display)
}
