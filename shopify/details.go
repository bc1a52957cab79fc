package shopify

import (
	"cmp"
	"slices"
	"strings"

	"bellhop"
)

// details reads what no list needs. Whatever of it can't be read is left out.
func (r *reader) details(o *order) bellhop.Details {
	d := bellhop.Details{
		Schema:        bellhop.DetailsSchema,
		Placed:        r.placed(o),
		Now:           r.now(o),
		Outstanding:   r.amount("total_outstanding", o.Outstanding),
		TaxesIncluded: o.TaxesIncluded,
		Customer:      r.customer(o),
		Billing:       r.address(o.BillingAddress, o),
		Shipping:      r.address(o.ShippingAddress, o),
		Items:         r.items(o.LineItems),
		Groups:        convert(o.LineItemGroups, maxList, group),
		Tags:          cleanAll(o.Tags),
		Attributes:    convert(o.NoteAttributes, maxList, attribute),
		Gateways:      cleanAll(o.Gateways),
		PONumber:      clean(o.PONumber, maxText),
		Source:        clean(o.SourceName, maxText),
		CancelReason:  clean(o.CancelReason, maxText),
	}
	if n := len(o.Returns); n > 0 {
		d.ReturnStatus = clean(o.Returns[n-1].Status, maxText)
	}
	if at := r.time("closed_at", o.ClosedAt); !at.IsZero() {
		d.ClosedAt = &at
	}
	if p := o.NowTotalSet.Presentment; p.Currency != "" && p.Currency != r.currency {
		d.BuyersNow = r.amountIn(clean(p.Currency, maxCurrency), "current_total_price_set.presentment_money", p.Amount)
	}
	d.ShippingLines = convert(o.ShippingLines, maxList, r.shippingLine)
	d.TaxLines = convert(o.TaxLines, maxList, r.taxLine)
	d.DiscountCodes = convert(o.DiscountCodes, maxList, r.discountCode)
	return d
}

// convert converts the first elements of a list; nil for none.
func convert[From, To any](from []From, most int, one func(*From) To) []To {
	if len(from) == 0 {
		return nil
	}
	to := make([]To, min(len(from), most))
	for i := range to {
		to[i] = one(&from[i])
	}
	return to
}

func (r *reader) placed(o *order) bellhop.Sums {
	return bellhop.Sums{
		Subtotal:  r.amount("subtotal_price", o.Subtotal),
		Discounts: r.amount("total_discounts", o.Discounts),
		Shipping:  cmp.Or(r.amount("total_shipping_price_set", o.ShippingSet.Shop.Amount), r.shipping(o)),
		Tax:       r.amount("total_tax", o.Tax),
		Duties:    r.amount("original_total_duties_set", o.DutiesSet.Shop.Amount),
		Fees:      r.amount("original_total_additional_fees_set", o.FeesSet.Shop.Amount),
		Tips:      r.amount("total_tip_received", o.Tips),
	}
}

func (r *reader) now(o *order) bellhop.Sums {
	return bellhop.Sums{
		Subtotal:  r.amount("current_subtotal_price", o.NowSubtotal),
		Discounts: r.amount("current_total_discounts", o.NowDiscounts),
		Shipping:  r.amount("current_shipping_price_set", o.NowShippingSet.Shop.Amount),
		Tax:       r.amount("current_total_tax", o.NowTax),
		Duties:    r.amount("current_total_duties_set", o.NowDutiesSet.Shop.Amount),
		Fees:      r.amount("current_total_additional_fees_set", o.NowFeesSet.Shop.Amount),
	}
}

// shipping adds up the shipping lines of an old body, which has no sum of them.
func (r *reader) shipping(o *order) bellhop.Amount {
	var prices []amount
	for i := range o.ShippingLines {
		prices = append(prices, o.ShippingLines[i].Price)
	}
	return r.sum("shipping_lines.price", prices...)
}

// sum adds amounts in the order's currency; "" where none is readable.
func (r *reader) sum(field string, all ...amount) bellhop.Amount {
	total, some := bellhop.Money{Currency: r.currency}, false
	for _, a := range all {
		if a == "" {
			continue
		}
		m, err := bellhop.ParseMoney(string(a), r.currency)
		sum, ok := total.Add(m)
		if err != nil || !ok {
			r.leaveOut(field)
			continue
		}
		total, some = sum, true
	}
	if !some {
		return ""
	}
	return bellhop.Amount(total.String())
}

func (r *reader) customer(o *order) *bellhop.Customer {
	hint := script(o, cmp.Or(o.BillingAddress, o.ShippingAddress))
	c := bellhop.Customer{
		ID:     o.Customer.ID,
		Name:   personName("", o.Customer.FirstName, o.Customer.LastName, hint),
		Email:  clean(cmp.Or(o.Customer.Email, o.Email, o.ContactEmail), maxText),
		Phone:  clean(cmp.Or(o.Customer.Phone, o.Phone), maxText),
		Locale: clean(o.Locale, maxText),
	}
	if c == (bellhop.Customer{}) {
		return nil
	}
	return &c
}

func (r *reader) address(a *address, o *order) *bellhop.Address {
	if a == nil {
		return nil
	}
	to := bellhop.Address{
		Name:    personName(a.Name, a.FirstName, a.LastName, script(o, a)),
		Company: cleanLine(a.Company), Address1: cleanLine(a.Address1), Address2: cleanLine(a.Address2),
		City: cleanLine(a.City), Zip: cleanLine(a.Zip), Province: cleanLine(a.Province),
		ProvinceCode: cleanLine(a.ProvinceCode), Country: cleanLine(a.Country), CountryCode: cleanLine(a.CountryCode),
		Phone: cleanLine(a.Phone),
	}
	if to == (bellhop.Address{}) {
		return nil
	}
	return &to
}

// cleanLine is a text without the space around it: a blank one says nothing.
func cleanLine(s string) string { return strings.TrimSpace(clean(s, maxText)) }

func cleanAll(all []string) []string {
	all = convert(all, maxList, func(s *string) string { return cleanLine(*s) })
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func splitTags(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (r *reader) items(lines []line) []bellhop.Item {
	items := make([]bellhop.Item, min(len(lines), maxItems))
	for i := range items {
		r.line = i + 1
		items[i] = r.item(&lines[i])
	}
	r.line = 0
	return items
}

func (r *reader) item(l *line) bellhop.Item {
	it := bellhop.Item{
		ID: l.ID, Title: clean(l.Title, maxText), Variant: clean(l.VariantTitle, maxText), SKU: clean(l.SKU, maxText),
		Vendor: clean(l.Vendor, maxText), Quantity: pieces(l.Quantity),
		Price: r.amount("price", l.Price), Discount: r.discount(l), Tax: r.lineTax(l),
		Properties: convert(l.Properties, maxList, attribute),
		Group:      l.Group, GiftCard: l.GiftCard, Tip: l.TipGateway != "" || l.TipMethod != "",
	}
	it.Custom = l.Product == refNull && l.Variant == refNull && !it.Tip && !it.GiftCard
	it.Current, it.ToFulfil = it.Quantity, 0
	if l.Current != nil {
		it.Current = pieces(*l.Current)
	}
	switch {
	case l.Fulfillable != nil:
		it.ToFulfil = pieces(*l.Fulfillable)
	case l.FulfillmentStatus != "fulfilled" && !it.Tip:
		it.ToFulfil = it.Current
	}
	it.Total = r.lineTotal(&it)
	return it
}

// pieces bounds a quantity, so that sums of them fit.
func pieces(n int64) int64 { return max(0, min(n, maxPieces)) }

// discount is that of a whole line. Shopify states each share of a discount of the order; an old
// body only those of the line.
func (r *reader) discount(l *line) bellhop.Amount {
	if len(l.Allocations) == 0 {
		return none(r.amount("total_discount", l.TotalDiscount))
	}
	return none(r.sum("discount_allocations", amountsOf(l.Allocations)...))
}

func amountsOf(all []allocation) []amount {
	return convert(all, maxList, func(a *allocation) amount { return a.Amount })
}

func (r *reader) lineTax(l *line) bellhop.Amount {
	if len(l.TaxLines) == 0 {
		return ""
	}
	return none(r.sum("tax_lines", convert(l.TaxLines, maxList, func(t *taxLine) amount { return t.Price })...))
}

// none is "" for an amount of nothing.
func none(a bellhop.Amount) bellhop.Amount {
	if strings.Trim(string(a), "-0.") == "" {
		return ""
	}
	return a
}

// lineTotal is the price of all ordered pieces after the discount; "" if it does not fit.
func (r *reader) lineTotal(it *bellhop.Item) bellhop.Amount {
	if it.Price == "" {
		return ""
	}
	price, _ := bellhop.ParseMoney(string(it.Price), r.currency)
	total, ok := price.Times(it.Quantity)
	if it.Discount != "" && ok {
		off, _ := bellhop.ParseMoney(string(it.Discount), r.currency)
		total, ok = total.Sub(off)
	}
	if !ok {
		return ""
	}
	return bellhop.Amount(total.String())
}

func group(g *lineGroup) bellhop.ItemGroup {
	return bellhop.ItemGroup{ID: g.ID, Title: clean(g.Title, maxText), Quantity: pieces(g.Quantity)}
}

func attribute(p *property) bellhop.Attribute {
	return bellhop.Attribute{Name: clean(string(p.Name), maxText), Value: clean(string(p.Value), maxValue)}
}

func (r *reader) shippingLine(l *shippingLine) bellhop.ShippingLine {
	s := bellhop.ShippingLine{Title: clean(l.Title, maxText), Code: clean(l.Code, maxText),
		Price: r.amount("shipping_lines.price", l.Price), Removed: l.Removed,
		Discount: none(r.sum("shipping_lines.discount_allocations", amountsOf(l.Allocations)...))}
	if s.Code == s.Title {
		s.Code = ""
	}
	return s
}

func (r *reader) taxLine(l *taxLine) bellhop.TaxLine {
	t := bellhop.TaxLine{Title: clean(l.Title, maxText), Price: r.amount("tax_lines.price", l.Price)}
	if r.amount("tax_lines.rate", l.Rate) != "" { // a plain decimal
		t.Rate = string(l.Rate)
	}
	return t
}

func (r *reader) discountCode(c *discountCode) bellhop.DiscountCode {
	return bellhop.DiscountCode{Code: clean(c.Code, maxText), Amount: r.amount("discount_codes.amount", c.Amount)}
}
