package simulate_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// adder adds amounts of one currency, and fails the test on one that can't be added.
type adder struct {
	t        *testing.T
	currency string
}

func (a adder) sum(amounts ...bellhop.Amount) bellhop.Money {
	a.t.Helper()
	total, _ := bellhop.ParseMoney("0", a.currency)
	for _, s := range amounts {
		if s == "" {
			continue
		}
		m, err := bellhop.ParseMoney(string(s), a.currency)
		sum, ok := total.Add(m)
		if err != nil || !ok {
			a.t.Fatalf("%q is no amount of %s", s, a.currency)
		}
		total = sum
	}
	return total
}

func (a adder) equal(d *simulate.Delivery, what string, got, want bellhop.Money) {
	a.t.Helper()
	if rest, ok := got.Sub(want); !ok || rest.Units != 0 {
		a.t.Fatalf("delivery %d, %s: %s is %s, and its parts are %s\n%s", d.Seq, d.Topic, what, want, got, d.Body)
	}
}

// Every sum of an order is that of its parts.
func TestSumsAddUp(t *testing.T) {
	all := generate(t, everything())
	added := addedLines(all)
	for _, d := range all {
		f, _ := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt))
		if f.Order == nil {
			continue
		}
		o := f.Order
		a := adder{t, o.Total.Currency}
		var discounts, taxes, totals, shipping, off, tips []bellhop.Amount
		for _, it := range o.Items {
			if it.Tip && it.Current > 0 {
				tips = append(tips, it.Total)
			}
			price, _ := o.In(it.Price).Times(it.Quantity)
			a.equal(d, it.Title, a.sum(bellhop.Amount(price.String()), minus(it.Discount)), o.In(it.Total))
			if added[it.ID] || it.Tip {
				continue
			}
			discounts, taxes, totals = append(discounts, it.Discount), append(taxes, it.Tax), append(totals, it.Total)
		}
		for _, s := range o.ShippingLines {
			shipping, off = append(shipping, s.Price), append(off, minus(s.Discount))
			discounts = append(discounts, s.Discount)
		}
		a.equal(d, "the subtotal", a.sum(totals...), o.In(o.Placed.Subtotal))
		a.equal(d, "the discount", a.sum(discounts...), o.In(o.Placed.Discounts))
		a.equal(d, "the shipping", a.sum(shipping...), o.In(o.Placed.Shipping))
		a.equal(d, "the tax", a.sum(taxes...), o.In(o.Placed.Tax))
		placed := append(off, o.Placed.Subtotal, o.Placed.Shipping, o.Placed.Tips)
		now := append(tips, o.Now.Subtotal, o.Now.Shipping)
		if !o.TaxesIncluded {
			placed, now = append(placed, o.Placed.Tax), append(now, o.Now.Tax)
		}
		a.equal(d, "the total", a.sum(placed...), o.Total)
		a.equal(d, "the total now", a.sum(now...), o.Current)
		checkBuyersSums(t, d, o)
	}
}

func minus(a bellhop.Amount) bellhop.Amount {
	if a == "" {
		return ""
	}
	return "-" + a
}

// addedLines are those of edits: their price is in no sum of when an order was placed.
func addedLines(all []*simulate.Delivery) map[int64]bool {
	added := map[int64]bool{}
	for _, d := range all {
		if f, _ := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt)); f.History != nil {
			for _, e := range f.History.Edits {
				for _, l := range e.Added {
					added[l.Item] = true
				}
			}
		}
	}
	return added
}

// set is an amount in both currencies.
type set struct {
	Buyer struct {
		Amount   bellhop.Amount `json:"amount"`
		Currency string         `json:"currency_code"`
	} `json:"presentment_money"`
}

// checkBuyersSums holds what the buyer saw to its parts.
func checkBuyersSums(t *testing.T, d *simulate.Delivery, o *bellhop.Order) {
	t.Helper()
	if o.Presentment == nil {
		return
	}
	var b struct {
		Total    set `json:"total_price_set"`
		Subtotal set `json:"subtotal_price_set"`
		Shipping set `json:"total_shipping_price_set"`
		Tax      set `json:"total_tax_set"`
		Items    []struct {
			Price set    `json:"price_set"`
			Tip   string `json:"tip_payment_gateway"`
		} `json:"line_items"`
		Lines []struct {
			Discounts []struct {
				Amount set `json:"amount_set"`
			} `json:"discount_allocations"`
		} `json:"shipping_lines"`
	}
	if err := json.Unmarshal(d.Body, &b); err != nil {
		t.Fatal(err)
	}
	a := adder{t, b.Total.Buyer.Currency}
	parts := []bellhop.Amount{b.Subtotal.Buyer.Amount, b.Shipping.Buyer.Amount}
	if !o.TaxesIncluded {
		parts = append(parts, b.Tax.Buyer.Amount)
	}
	for _, it := range b.Items {
		if it.Tip != "" {
			parts = append(parts, it.Price.Buyer.Amount)
		}
	}
	for _, l := range b.Lines {
		for _, s := range l.Discounts {
			parts = append(parts, minus(s.Amount.Buyer.Amount))
		}
	}
	a.equal(d, "the buyer's total", a.sum(parts...), *o.Presentment)
	if b.Total.Buyer.Currency == o.Total.Currency || b.Total.Buyer.Amount == bellhop.Amount(o.Total.String()) {
		t.Errorf("delivery %d: the buyer pays %s %s, as the shop gets", d.Seq, b.Total.Buyer.Amount, b.Total.Buyer.Currency)
	}
}

// What an order says of its pieces and of its money now is what its history leaves.
func TestHistoryAddsUp(t *testing.T) {
	m := simulate.NewModel()
	for _, d := range generate(t, everything()) {
		m.Take(d)
	}
	cases := 0
	for key, e := range m.Expect() {
		o, gone, home := &e.Order, map[int64]int64{}, map[int64]int64{}
		for _, edit := range o.History.Edits {
			for _, l := range edit.Removed {
				gone[l.Item] += l.Quantity
			}
		}
		a, back := adder{t, o.Total.Currency}, []bellhop.Amount{}
		for _, r := range o.History.Refunds {
			lines := []bellhop.Amount{}
			for _, l := range r.Lines {
				gone[l.Item] += l.Quantity
				lines = append(lines, minus(l.Amount))
				if l.Restock == "return" {
					home[l.Item] += l.Quantity
				}
			}
			if r.Amount != "" {
				lines = []bellhop.Amount{minus(r.Amount)}
			}
			back = append(back, lines...)
		}
		for _, f := range o.History.Fulfillments {
			for _, l := range f.Lines {
				if f.Status == "success" {
					home[l.Item] -= l.Quantity
				}
			}
		}
		if e.Deleted || !e.Known {
			continue
		}
		for _, it := range o.Items {
			left := it.Quantity - gone[it.ID]
			if it.Current != left || !it.Tip && it.ToFulfil != left+home[it.ID] || it.ToFulfil < 0 {
				t.Fatalf("order %d: %+v, and its history leaves %d pieces\n%+v", key.ID, it, left, o.History)
			}
		}
		if o.TaxesIncluded && len(back) > 0 && len(o.History.Edits) == 0 && o.CancelledAt.IsZero() {
			cases++
			sum := a.sum(append(back, bellhop.Amount(o.Total.String()))...)
			if sum != o.Current {
				t.Errorf("order %d of %s: %s went back of %s, and it comes to %s", key.ID, key.Shop, back, o.Total, o.Current)
			}
		}
	}
	if cases < 10 {
		t.Errorf("only %d orders with money that went back", cases)
	}
}

// Each feature of real orders is in one of some thousand made-up ones.
func TestWholeOrders(t *testing.T) {
	seen := map[string]int{}
	for _, d := range generate(t, everything()) {
		f, ok := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt))
		if !ok {
			continue
		}
		for what, is := range features(d, &f) {
			if is {
				seen[what]++
			}
		}
	}
	for what := range features(&simulate.Delivery{}, &bellhop.Fact{Order: &bellhop.Order{}}) {
		if seen[what] == 0 {
			t.Errorf("no delivery shows: %s", what)
		}
	}
	for what := range features(&simulate.Delivery{}, &bellhop.Fact{History: &bellhop.History{}}) {
		if seen[what] == 0 {
			t.Errorf("no delivery shows: %s", what)
		}
	}
}

// features are what a delivery shows.
func features(d *simulate.Delivery, f *bellhop.Fact) map[string]bool {
	if f.Order == nil {
		return steps(d, f.History)
	}
	o := f.Order
	money := func(a bellhop.Amount) bool { return o.In(a).Units > 0 }
	all := map[string]bool{
		"taxes included":        o.TaxesIncluded && len(o.TaxLines) > 0,
		"taxes on top":          !o.TaxesIncluded && len(o.TaxLines) > 0,
		"no tax":                o.TaxLines == nil,
		"two shipping lines":    len(o.ShippingLines) == 2,
		"shipping removed":      hasShipping(o, func(s bellhop.ShippingLine) bool { return s.Removed }),
		"shipping discount":     hasShipping(o, func(s bellhop.ShippingLine) bool { return money(s.Discount) }),
		"a bundle":              len(o.Groups) > 0,
		"a code":                len(o.DiscountCodes) > 0,
		"a tip":                 money(o.Placed.Tips),
		"attributes":            len(o.Attributes) > 0,
		"tags":                  len(o.Tags) > 1,
		"PO number":             o.PONumber != "",
		"POS":                   o.Source == "pos",
		"draft":                 o.Source == "shopify_draft_order",
		"two gateways":          len(o.Gateways) == 2,
		"cancelled":             o.CancelReason != "" && !o.CancelledAt.IsZero() && o.Current.Units == 0,
		"cancelled, refunded":   o.CancelReason != "" && o.FinancialStatus == "refunded",
		"voided":                o.FinancialStatus == "voided",
		"owed":                  money(o.Outstanding),
		"partly paid":           o.FinancialStatus == "partially_paid",
		"returned":              o.ReturnStatus != "",
		"closed":                o.ClosedAt != nil,
		"an import":             o.CreatedAt.Sub(o.PlacedAt) > 365*24*time.Hour,
		"USDC":                  o.Total.Currency == "USDC",
		"USDC to the buyer":     o.Presentment != nil && o.Presentment.Currency == "USDC",
		"edited":                o.Current != o.Total && len(o.History.Refunds) == 0,
		"two refunds":           len(o.History.Refunds) > 1,
		"two parcels":           len(o.History.Fulfillments) > 1,
		"a blank bill":          o.Billing != nil && o.Billing.Name == "" && o.Billing.Company != "" && o.Shipping.Name != "",
		"withheld":              o.Shipping != nil && o.Shipping.Name == "" && o.Shipping.City != "",
		"phone":                 o.Customer != nil && o.Customer.Phone != "",
		"a Korean name":         o.CustomerName == "김민준",
		"a Chinese name":        o.CustomerName == "王小明",
		"a Japanese name":       o.CustomerName == "田中 太郎",
		"an address's own name": o.Shipping != nil && o.Shipping.Name == "田中太郎",
	}
	for _, country := range []string{"US", "GB", "DE", "JP", "KR", "TW"} {
		all["to "+country] = o.Shipping != nil && o.Shipping.CountryCode == country && o.Shipping.Phone != ""
	}
	items(all, o)
	return all
}

func hasShipping(o *bellhop.Order, is func(bellhop.ShippingLine) bool) bool {
	return slices.ContainsFunc(o.ShippingLines, is)
}

func items(all map[string]bool, o *bellhop.Order) {
	any := func(what string, is func(*bellhop.Item) bool) {
		for i := range o.Items {
			all[what] = all[what] || is(&o.Items[i])
		}
		all[what] = all[what] || false
	}
	any("a line's discount", func(it *bellhop.Item) bool { return it.Discount != "" })
	any("a gift card", func(it *bellhop.Item) bool { return it.GiftCard })
	any("a custom line", func(it *bellhop.Item) bool { return it.Custom })
	any("a tip's line", func(it *bellhop.Item) bool { return it.Tip })
	any("removed", func(it *bellhop.Item) bool { return it.Current == 0 && it.Quantity > 0 })
	any("in part", func(it *bellhop.Item) bool { return 0 < it.Current && it.Current < it.Quantity })
	any("sent in part", func(it *bellhop.Item) bool { return 0 < it.ToFulfil && it.ToFulfil < it.Current })
	any("engraving", func(it *bellhop.Item) bool { return len(it.Properties) > 0 && it.Properties[0].Name == "Engraving" })
	any("private property", func(it *bellhop.Item) bool { return len(it.Properties) > 0 && it.Properties[0].Private() })
	any("vendor", func(it *bellhop.Item) bool { return it.Vendor != "" })
}

func steps(d *simulate.Delivery, h *bellhop.History) map[string]bool {
	all := map[string]bool{"risk": false, "moved": false, "two numbers": false, "link": false, "no label": false,
		"cancelled parcel": false, "refund": false, "restock": false, "refund in two payments": false,
		"shipping refund": false, "refund to another currency": false, "edit adds": false, "edit removes": false}
	if h == nil {
		return all
	}
	body := string(d.Body)
	for _, r := range h.Refunds {
		all["refund"] = r.Amount != "" && len(r.Lines) > 0
		all["restock"] = r.Amount == "" && len(r.Lines) > 0
		all["refund in two payments"] = strings.Count(body, `"kind":"refund"`) == 2
		all["shipping refund"] = r.Amount != "" && len(r.Lines) == 0
		all["refund to another currency"] = strings.Contains(body, `"currency":"USDC"`)
	}
	for _, f := range h.Fulfillments {
		all["moved"], all["two numbers"] = f.Shipment == "delivered", len(f.Tracking) == 2
		all["no label"], all["cancelled parcel"] = f.Tracking == nil, f.Status == "cancelled"
		all["link"] = len(f.Tracking) > 0 && f.Tracking[0].URL != ""
	}
	for _, e := range h.Edits {
		all["edit adds"], all["edit removes"] = len(e.Added) > 0, len(e.Removed) > 0
	}
	all["risk"] = len(h.Risks) > 0
	return all
}
