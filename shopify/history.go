package shopify

import (
	"cmp"
	"strings"
	"time"

	"bellhop"
)

// history reads what an order's body says of its refunds and parcels.
func (r *reader) history(o *order, e *bellhop.Event) (h bellhop.History) {
	for i := range o.Refunds {
		if f := &o.Refunds[i]; f.ID > 0 {
			h.Refunds = append(h.Refunds, r.refund("refunds", f, e))
		}
	}
	for i := range o.Fulfillments {
		if f := &o.Fulfillments[i]; f.ID > 0 {
			h.Fulfillments = append(h.Fulfillments, r.fulfillment("fulfillments", f, e))
		}
	}
	h, _ = bellhop.History{}.Merge(h) // sorted, each once, and no more than are kept
	return h
}

// step is said at the time of the event. The hash of the body is set later.
func step(id int64, at, updated time.Time, e *bellhop.Event) bellhop.Step {
	return bellhop.Step{ID: id, At: at, Said: bellhop.Version{UpdatedAt: cmp.Or(updated, at).UTC(),
		TriggeredAt: triggeredAt(e)}}
}

func (r *reader) refund(field string, f *refund, e *bellhop.Event) bellhop.Refund {
	created := r.time(field+".created_at", f.CreatedAt)
	at := cmp.Or(r.time(field+".processed_at", f.ProcessedAt), created, eventTime(e)) // as an order is placed
	out := bellhop.Refund{Step: step(f.ID, at, created, e), Note: clean(f.Note, maxNote)}
	currency := cmp.Or(r.currency, f.currency())
	out.Lines = convert(f.Lines, maxItems, func(l *refundLine) bellhop.RefundLine {
		return bellhop.RefundLine{Item: l.Item, Quantity: pieces(l.Quantity), Restock: clean(l.RestockType, maxText),
			Amount: r.amountIn(currency, field+".refund_line_items", l.SubtotalSet.Shop.Amount, l.Subtotal)}
	})
	if paid, some := r.transacted(field, f, currency); some && paid.Units > 0 {
		back := f.returned(paid, currency)
		if out.Amount = bellhop.Amount(back.String()); back.Currency != currency {
			out.Currency = back.Currency
		}
	}
	return out
}

// currency is the shop's, as far as a refund says.
func (f *refund) currency() string {
	sets := []moneySet{f.DutiesSet}
	for i := range f.Lines {
		sets = append(sets, f.Lines[i].SubtotalSet)
	}
	for i := range f.Adjustments {
		sets = append(sets, f.Adjustments[i].AmountSet)
	}
	for i := range f.Shipping {
		sets = append(sets, f.Shipping[i].SubtotalSet)
	}
	for i := range sets {
		if c := sets[i].Shop.Currency; c != "" && len(c) <= maxCurrency {
			return c
		}
	}
	return ""
}

// returned is the money that went back. Transactions are in the currency that the buyer paid in; where
// that is another than the shop's, the refund's parts say what it is in the shop's. Some bodies have no
// such parts: then it stays the buyer's.
func (f *refund) returned(paid bellhop.Money, currency string) bellhop.Money {
	if currency == "" || paid.Currency == currency {
		return paid
	}
	for _, withTax := range [...]bool{true, false} { // a subtotal may have its tax in it
		seen, ok := f.parts(withTax, false, paid.Currency)
		if rest, same := seen.Sub(paid); ok && same && rest.Units == 0 {
			if own, ok := f.parts(withTax, true, currency); ok {
				return own
			}
		}
	}
	if own, ok := f.parts(true, true, currency); ok && own.Units > 0 {
		return own
	}
	return paid
}

// transacted adds up the transactions that gave money back. One that names no currency is in the shop's.
func (r *reader) transacted(field string, f *refund, currency string) (sum bellhop.Money, some bool) {
	for i := range f.Transactions {
		t := &f.Transactions[i]
		if t.Kind != "refund" || t.Status != "success" && t.Status != "pending" && t.Status != "" {
			continue
		}
		m, err := bellhop.ParseMoney(string(t.Amount), cmp.Or(clean(t.Currency, maxCurrency), currency))
		if err != nil {
			r.leaveOut(field + ".transactions.amount")
			continue
		}
		if !some {
			sum, some = m, true
		} else if more, ok := sum.Add(m); ok {
			sum = more
		}
	}
	return sum, some
}

// parts adds up lines, taxes, shipping, duties and adjustments, in the shop's currency or in the
// buyer's. An adjustment is negative. Refunded shipping is one, or a line, or both.
func (f *refund) parts(withTax, shops bool, currency string) (bellhop.Money, bool) {
	sum, ok := bellhop.Money{Currency: currency}, true
	add := func(s moneySet, sign string) {
		m := s.Presentment
		if shops {
			m = s.Shop
		}
		if m.Amount == "" || !ok {
			return
		}
		text := sign + string(m.Amount)
		part, err := bellhop.ParseMoney(strings.TrimPrefix(text, "--"), currency)
		if err != nil {
			ok = false
			return
		}
		sum, ok = sum.Add(part)
	}
	for i := range f.Lines {
		add(f.Lines[i].SubtotalSet, "")
		if withTax {
			add(f.Lines[i].TaxSet, "")
		}
	}
	shipped := false
	for i := range f.Adjustments {
		shipped = shipped || f.Adjustments[i].Kind == "shipping_refund"
		add(f.Adjustments[i].AmountSet, "-")
		if withTax {
			add(f.Adjustments[i].TaxSet, "-")
		}
	}
	for i := 0; i < len(f.Shipping) && !shipped; i++ {
		add(f.Shipping[i].SubtotalSet, "")
		if withTax {
			add(f.Shipping[i].TaxSet, "")
		}
	}
	add(f.DutiesSet, "")
	return sum, ok
}

func (r *reader) fulfillment(field string, f *fulfillment, e *bellhop.Event) bellhop.Fulfillment {
	updated := r.time(field+".updated_at", f.UpdatedAt)
	at := cmp.Or(r.time(field+".created_at", f.CreatedAt), updated, eventTime(e))
	return bellhop.Fulfillment{
		Step:     step(f.ID, at, updated, e),
		Status:   clean(f.Status, maxText),
		Shipment: clean(f.ShipmentStatus, maxText),
		Carrier:  clean(f.TrackingCompany, maxText),
		Tracking: f.tracking(),
		Lines: convert(f.Lines, maxItems, func(l *fulfillmentLine) bellhop.LineQuantity {
			return bellhop.LineQuantity{Item: l.ID, Quantity: pieces(l.Quantity)}
		}),
	}
}

// tracking pairs numbers with links. Old bodies have one of each.
func (f *fulfillment) tracking() []bellhop.Tracking {
	numbers, urls := f.TrackingNumbers, f.TrackingURLs
	if len(numbers) == 0 && f.TrackingNumber != "" {
		numbers = []string{f.TrackingNumber}
	}
	if len(urls) == 0 && f.TrackingURL != "" {
		urls = []string{f.TrackingURL}
	}
	all := make([]bellhop.Tracking, min(max(len(numbers), len(urls)), maxTracking))
	for i := range all {
		if i < len(numbers) {
			all[i].Number = clean(numbers[i], maxNumber)
		}
		if i < len(urls) {
			all[i].URL = link(urls[i])
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// link keeps what a page may link to.
func link(s string) string {
	if len(s) > maxText || !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
		return ""
	}
	return clean(s, maxText)
}

func (r *reader) edit(from *editRoot, e *bellhop.Event) bellhop.Edit {
	x := &from.Edit
	at := cmp.Or(r.time("order_edit.committed_at", x.CommittedAt), r.time("order_edit.created_at", x.CreatedAt),
		eventTime(e))
	deltas := func(all []delta) []bellhop.LineQuantity {
		return convert(all, maxItems, func(d *delta) bellhop.LineQuantity {
			return bellhop.LineQuantity{Item: d.ID, Quantity: pieces(d.Delta)}
		})
	}
	return bellhop.Edit{Step: step(x.ID, at, time.Time{}, e), Added: deltas(x.LineItems.Additions),
		Removed: deltas(x.LineItems.Removals)}
}

// sign sets the hash of the body in all that it says.
func sign(h *bellhop.History, sum uint64) {
	for i := range h.Refunds {
		h.Refunds[i].Said.Hash = sum
	}
	for i := range h.Fulfillments {
		h.Fulfillments[i].Said.Hash = sum
	}
	for i := range h.Edits {
		h.Edits[i].Said.Hash = sum
	}
	for i := range h.Risks {
		h.Risks[i].Said.Hash = sum
	}
}
