package console

import (
	"slices"
	"strings"

	"bellhop"
)

// sumLine is a line of an order's sum: its words' id, and an amount.
type sumLine struct {
	id     string
	amount bellhop.Money
	kind   sumKind
}

type sumKind int

const (
	sumPart  sumKind = iota // adds to the total below it
	sumTotal                // what the lines above it come to
	sumAside                // adds to nothing
)

// sumOf is an order's sum, line by line: how its total came about, and how that became what it comes
// to now. Where Shopify's parts don't add up, a line has the difference. Of an order of which
// only the total is known it is the total alone.
func sumOf(o *bellhop.Order) (lines []sumLine) {
	if o.Schema > 0 {
		lines = placedLines(o)
	}
	lines = append(lines, sumLine{"total", o.Total, sumTotal})
	if tax := o.In(o.Placed.Tax); o.TaxesIncluded && tax.Units != 0 {
		lines = append(lines, sumLine{"taxIncluded", tax, sumAside})
	}
	lines = append(lines, laterLines(o)...)
	if owed := o.In(o.Outstanding); owed.Units != 0 {
		lines = append(lines, sumLine{"outstanding", owed, sumAside})
	}
	return lines
}

// placedLines are the parts of the total.
func placedLines(o *bellhop.Order) (best []sumLine) {
	s := &o.Placed
	others := []sumLine{{"discounts", negative(o.In(s.Discounts)), 0}, {"shipping", o.In(s.Shipping), 0}}
	if !o.TaxesIncluded {
		others = append(others, sumLine{"tax", o.In(s.Tax), 0})
	}
	others = append(others, sumLine{"duties", o.In(s.Duties), 0}, sumLine{"fees", o.In(s.Fees), 0},
		sumLine{"tips", o.In(s.Tips), 0})
	others = slices.DeleteFunc(others, func(l sumLine) bool {
		return l.amount.Units == 0 && (l.id != "shipping" || s.Shipping == "") // free shipping is worth a line
	})
	for _, items := range []func(*bellhop.Order) (bellhop.Money, bool){itemsOfLines, itemsOfSums} {
		sum, ok := items(o)
		if !ok {
			continue
		}
		lines := append([]sumLine{{"items", sum, sumPart}}, others...)
		rest, ok := remainder(o.Total, lines)
		if ok && rest.Units == 0 {
			return lines
		}
		if ok && best == nil {
			best = append(lines, sumLine{"rest", rest, sumPart})
		}
	}
	return best
}

// laterLines lead from the total to what the order comes to now; none if nothing changed.
func laterLines(o *bellhop.Order) (lines []sumLine) {
	if o.Current.Currency != o.Total.Currency {
		return nil
	}
	if refunded := o.Refunded(); refunded.Units != 0 {
		lines = append(lines, sumLine{"refunded", negative(refunded), sumPart})
	}
	left, ok := o.Current.Sub(o.Total)
	if ok {
		left, ok = remainder(left, lines)
	}
	if !ok {
		return []sumLine{{"now", o.Current, sumAside}}
	}
	if left.Units != 0 {
		lines = slices.Insert(lines, 0, sumLine{changeOf(o, left), left, sumPart})
	}
	if len(lines) > 0 {
		lines = append(lines, sumLine{"now", o.Current, sumTotal})
	}
	return lines
}

// changeOf names what changed the total, beside refunds.
func changeOf(o *bellhop.Order, by bellhop.Money) string {
	switch {
	case !o.EditedAt.IsZero(), slices.ContainsFunc(o.Items, func(it bellhop.Item) bool { return o.Removed(&it) }):
		return "edited"
	case !o.CancelledAt.IsZero() && by.Units < 0:
		return "cancelled"
	case slices.ContainsFunc(o.History.Refunds, func(r bellhop.Refund) bool {
		in := o.Returned(&r).Currency
		return in != "" && in != o.Total.Currency
	}):
		return "refunded"
	}
	return "rest"
}

// itemsOfLines adds up the lines at their prices, but what edits added: the total when the order was
// placed has nothing of those.
func itemsOfLines(o *bellhop.Order) (bellhop.Money, bool) {
	added := map[int64]int64{}
	for i := range o.History.Edits {
		for _, l := range o.History.Edits[i].Added {
			added[l.Item] += l.Quantity
		}
	}
	sum := bellhop.Money{Currency: o.Total.Currency, Digits: o.Total.Digits}
	for i := range o.Items {
		it := &o.Items[i]
		if it.Tip || it.Price == "" {
			continue
		}
		line, ok := o.In(it.Price).Times(max(0, it.Quantity-added[it.ID]))
		if ok {
			sum, ok = sum.Add(line)
		}
		if !ok {
			return sum, false
		}
	}
	return sum, true
}

// itemsOfSums is the subtotal before the discounts, those of shipping aside.
func itemsOfSums(o *bellhop.Order) (bellhop.Money, bool) {
	if o.Placed.Subtotal == "" {
		return bellhop.Money{}, false
	}
	lines := []sumLine{{amount: negative(o.In(o.Placed.Discounts))}}
	for i := range o.ShippingLines {
		lines = append(lines, sumLine{amount: o.In(o.ShippingLines[i].Discount)})
	}
	return remainder(o.In(o.Placed.Subtotal), lines)
}

// remainder is what is left of a total without its parts.
func remainder(total bellhop.Money, parts []sumLine) (rest bellhop.Money, ok bool) {
	rest = total
	for _, p := range parts {
		if p.amount.Units == 0 {
			continue
		}
		if rest, ok = rest.Sub(p.amount); !ok {
			return rest, false
		}
	}
	return rest, true
}

func negative(m bellhop.Money) bellhop.Money {
	m.Units = -m.Units
	return m
}

// sumRow is a line of the sum in words.
type sumRow struct {
	Label, Amount string
	More          string // such as the discount's code
	Buyers        string // what the buyer saw; "" when it was the shop's currency
	Total, Aside  bool
}

func (v *visit) sumRows(o *bellhop.Order) (rows []sumRow) {
	for _, l := range sumOf(o) {
		row := sumRow{Label: v.T("sum." + l.id), Amount: v.Money(l.amount), Total: l.kind == sumTotal,
			Aside: l.kind == sumAside}
		switch l.id {
		case "discounts":
			row.More = joined(o.DiscountCodes, func(c *bellhop.DiscountCode) string { return c.Code })
		case "shipping":
			row.More = joined(o.ShippingLines, func(l *bellhop.ShippingLine) string { return l.Title })
		case "tax", "taxIncluded":
			row.More = joined(o.TaxLines, func(l *bellhop.TaxLine) string { return l.Title })
		case "total":
			row.Buyers = v.buyers(o.Presentment)
		case "now":
			row.Buyers = v.buyers(buyersNow(o))
		}
		rows = append(rows, row)
	}
	return rows
}

// buyersNow is what an order comes to now in the buyer's currency; nil where Shopify did not say.
func buyersNow(o *bellhop.Order) *bellhop.Money {
	if o.Presentment == nil || o.BuyersNow == "" {
		return nil
	}
	m, err := bellhop.ParseMoney(string(o.BuyersNow), o.Presentment.Currency)
	if err != nil {
		return nil
	}
	return &m
}

func (v *visit) buyers(m *bellhop.Money) string {
	if m == nil {
		return ""
	}
	return v.T("order.paidIn", "Amount", v.Money(*m))
}

// joined lists the texts of all, each once.
func joined[T any](all []T, text func(*T) string) string {
	var texts []string
	for i := range all {
		if t := text(&all[i]); t != "" && !slices.Contains(texts, t) {
			texts = append(texts, t)
		}
	}
	return strings.Join(texts, ", ")
}
