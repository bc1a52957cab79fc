package shopify

import (
	"cmp"
	"strings"
	"time"

	"bellhop"
)

// These bounds keep strange bodies from swelling the database. The raw body is stored beside the
// order.
const (
	maxText  = 512 // bytes of a name, a title, an address or a status
	maxNote  = 8 << 10
	maxItems = 1000 // Shopify takes 500
)

// orderOf leaves the hash of the version to its caller.
func orderOf(from *order, e *bellhop.Event) (*bellhop.Order, error) {
	var r reader
	id := r.id("id", from.ID)
	triggered := e.TriggeredAt.Truncate(time.Microsecond).UTC()
	updated := cmp.Or(r.time("updated_at", from.UpdatedAt), triggered)
	currency := r.currency(from)
	o := &bellhop.Order{
		Shop:              e.Shop,
		ID:                id,
		Version:           bellhop.Version{UpdatedAt: updated.UTC(), TriggeredAt: triggered},
		Name:              clean(from.Name, maxText),
		Number:            cmp.Or(from.OrderNumber, from.Number),
		Total:             r.total(from, currency),
		Presentment:       r.presentment(from, currency),
		CustomerName:      clean(customerName(from), maxText),
		CustomerEmail:     clean(cmp.Or(from.Email, from.ContactEmail, from.Customer.Email), maxText),
		Note:              clean(from.Note, maxNote),
		FinancialStatus:   clean(from.FinancialStatus, maxText),
		FulfillmentStatus: clean(cmp.Or(from.FulfillmentStatus, "unfulfilled"), maxText),
		Test:              from.Test,
		PlacedAt:          cmp.Or(r.placed(from), updated, eventTime(e)),
		UpdatedAt:         updated,
		CancelledAt:       r.time("cancelled_at", from.CancelledAt),
		Items:             r.items(from.LineItems, currency),
	}
	if r.err != nil {
		return nil, r.err
	}
	return o, nil
}

func customerName(o *order) string {
	name := strings.TrimSpace(o.Customer.FirstName + " " + o.Customer.LastName)
	return cmp.Or(name, o.BillingAddress.Name, o.ShippingAddress.Name)
}

// reader reads values and remembers the first that could not be read.
type reader struct{ err error }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = bellhop.Invalidf("body_field", format, args...)
	}
}

func (r *reader) id(field string, id int64) int64 {
	if id <= 0 {
		r.fail("%s is missing or not above 0", field)
	}
	return id
}

// time returns the zero time for an absent one.
func (r *reader) time(field, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, ok := ParseTime(s)
	if !ok {
		r.fail("%s is not a time", field)
	}
	return t
}

func (r *reader) placed(o *order) time.Time {
	return cmp.Or(r.time("created_at", o.CreatedAt), r.time("processed_at", o.ProcessedAt))
}

func (r *reader) currency(o *order) string {
	c := cmp.Or(o.Currency, o.TotalPriceSet.Shop.Currency)
	if !isCurrency(c) {
		r.fail("currency is missing or not three capital letters")
	}
	return c
}

// total is the order's price when it was placed; later edits and refunds leave it unchanged.
func (r *reader) total(o *order, currency string) bellhop.Money {
	a := cmp.Or(o.TotalPrice, o.TotalPriceSet.Shop.Amount, o.CurrentTotalPrice)
	if a == "" {
		r.fail("total_price is missing")
		return bellhop.Money{}
	}
	return r.money("total_price", a, currency)
}

func (r *reader) presentment(o *order, currency string) *bellhop.Money {
	p := o.TotalPriceSet.Presentment
	if p.Amount == "" || p.Currency == "" || p.Currency == currency {
		return nil
	}
	if !isCurrency(p.Currency) {
		r.fail("total_price_set.presentment_money.currency_code is not three capital letters")
	}
	m := r.money("total_price_set.presentment_money.amount", p.Amount, p.Currency)
	return &m
}

func (r *reader) items(lines []line, currency string) []bellhop.Item {
	lines = lines[:min(len(lines), maxItems)]
	items := make([]bellhop.Item, len(lines))
	for i := range lines {
		l := &lines[i]
		items[i] = bellhop.Item{
			ID:       l.ID,
			Title:    clean(l.Title, maxText),
			Variant:  clean(l.VariantTitle, maxText),
			SKU:      clean(l.SKU, maxText),
			Quantity: l.Quantity,
		}
		price, err := bellhop.ParseMoney(string(cmp.Or(l.Price, "0")), currency)
		if err != nil { // which quotes the price
			r.fail("line_items.%d.price is not an amount of money", i)
		}
		items[i].Price = price
	}
	return items
}

func (r *reader) money(field string, a amount, currency string) bellhop.Money {
	m, err := bellhop.ParseMoney(string(a), currency)
	if err != nil { // which quotes the amount
		r.fail("%s is not an amount of money", field)
	}
	return m
}

func isCurrency(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(c rune) bool { return c < 'A' || c > 'Z' })
}
