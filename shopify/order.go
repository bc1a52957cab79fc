package shopify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
)

// These bounds keep strange bodies from swelling the database. The raw body is stored beside the
// order.
const (
	maxText     = 512 // bytes of a name, a title, an address or a status
	maxNote     = 8 << 10
	maxValue    = 2 << 10 // of an attribute
	maxCurrency = 32
	maxItems    = 1000 // Shopify takes 500
	maxList     = 250  // of anything else
	maxTracking = 10   // numbers of a parcel
	maxNumber   = 128  // bytes of one
	maxPieces   = 1 << 31
)

// orderOf leaves the hash of the version to its caller.
func orderOf(from *order, e *bellhop.Event, unread []string) (*bellhop.Order, error) {
	r := reader{unread: unread}
	r.essentials(from, e.Body)
	triggered := triggeredAt(e)
	updated := cmp.Or(r.time("updated_at", from.UpdatedAt), triggered)
	created := r.time("created_at", from.CreatedAt)
	placed := cmp.Or(r.time("processed_at", from.ProcessedAt), created, updated, eventTime(e))
	o := &bellhop.Order{
		Shop:              e.Shop,
		ID:                from.ID,
		Version:           bellhop.Version{UpdatedAt: updated.UTC(), TriggeredAt: triggered},
		Name:              clean(from.Name, maxText),
		Number:            cmp.Or(from.OrderNumber, from.Number),
		Total:             r.total(from),
		Presentment:       r.presentment(from),
		Note:              clean(from.Note, maxNote),
		FinancialStatus:   clean(from.FinancialStatus, maxText),
		FulfillmentStatus: clean(cmp.Or(from.FulfillmentStatus, "unfulfilled"), maxText),
		Test:              from.Test,
		PlacedAt:          placed,
		CreatedAt:         cmp.Or(created, placed),
		UpdatedAt:         updated,
		CancelledAt:       r.time("cancelled_at", from.CancelledAt),
	}
	o.Current = r.current(from, o.Total)
	o.Details = r.details(from)
	o.History = r.history(from, e)
	o.Pieces = o.Details.Pieces()
	o.CustomerName, o.CustomerEmail = o.Details.Contact(), clean(cmp.Or(from.Email, from.ContactEmail,
		from.Customer.Email), maxText)
	o.Unread = r.unread
	return o, r.err
}

// reader reads values. It remembers the first error, and the fields that it had to leave out.
type reader struct {
	err      error
	unread   []string
	currency string
	line     int // of the order's lines, from 1 on; 0 outside them
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = bellhop.Invalidf("body_field", format, args...)
	}
}

// leaveOut notes a field that could not be read. The order does without it.
func (r *reader) leaveOut(field string) {
	if r.line > 0 {
		field = "line_items." + strconv.Itoa(r.line-1) + "." + field
	}
	if len(r.unread) < maxUnread && !slices.Contains(r.unread, field) {
		r.unread = append(r.unread, field)
	}
}

func (r *reader) id(field string, id int64) int64 {
	if id <= 0 {
		r.fail("%s is missing or not above 0", field)
	}
	return id
}

var essentials = [...]string{"id", "currency", "total_price", "line_items"}

// spoilt reports whether one of the essentials has the wrong type.
func spoilt(unread []string) bool {
	return slices.ContainsFunc(essentials[:], func(field string) bool { return slices.Contains(unread, field) })
}

// essentials refuses an order without what makes one: its id, total, currency and lines. A null for
// the lines says that there are none.
func (r *reader) essentials(o *order, body []byte) {
	for _, field := range essentials {
		if slices.Contains(r.unread, field) {
			r.fail("%s has the wrong type", field)
		}
	}
	r.id("id", o.ID)
	var missing []string
	r.currency = cleanLine(cmp.Or(o.Currency, o.TotalPriceSet.Shop.Currency))
	if r.currency == "" {
		missing = append(missing, "currency")
	}
	if cmp.Or(o.TotalPrice, o.TotalPriceSet.Shop.Amount, o.NowTotal) == "" {
		missing = append(missing, "total_price")
	}
	if o.LineItems == nil && !mentions(body, "line_items") {
		missing = append(missing, "line_items")
	}
	switch {
	case len(missing) == 1:
		r.fail("%s is missing", missing[0])
	case len(missing) > 1:
		r.fail("%s are missing", strings.Join(missing, ", "))
	case len(r.currency) > maxCurrency:
		r.fail("currency is no currency")
	}
}

// time returns the zero time for an absent one, and for one that can't be read.
func (r *reader) time(field, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, ok := ParseTime(s)
	if !ok {
		r.leaveOut(field)
	}
	return t
}

// total is the order's price when it was placed; later edits and refunds leave it unchanged.
func (r *reader) total(o *order) bellhop.Money {
	a := cmp.Or(o.TotalPrice, o.TotalPriceSet.Shop.Amount, o.NowTotal)
	if a == "" || r.currency == "" {
		return bellhop.Money{} // which essentials reports
	}
	m, err := bellhop.ParseMoney(string(a), r.currency)
	if err != nil { // which quotes the amount
		r.fail("total_price is not an amount of money")
	}
	return m
}

func (r *reader) current(o *order, total bellhop.Money) bellhop.Money {
	a := r.amount("current_total_price", o.NowTotal, o.NowTotalSet.Shop.Amount)
	if a == "" {
		return total
	}
	m, _ := bellhop.ParseMoney(string(a), r.currency)
	return m
}

// presentment is what the buyer saw. It only decorates.
func (r *reader) presentment(o *order) *bellhop.Money {
	p := o.TotalPriceSet.Presentment
	if p.Amount == "" || p.Currency == "" || p.Currency == r.currency {
		return nil
	}
	m, err := bellhop.ParseMoney(string(p.Amount), clean(p.Currency, maxCurrency))
	if err != nil {
		r.leaveOut("total_price_set.presentment_money")
		return nil
	}
	return &m
}

// amount reads the first of several statements of an amount in the order's currency; "" for an
// absent one, and for one that can't be read.
func (r *reader) amount(field string, all ...amount) bellhop.Amount {
	return r.amountIn(r.currency, field, all...)
}

func (r *reader) amountIn(currency, field string, all ...amount) bellhop.Amount {
	for _, a := range all {
		if a == "" || currency == "" {
			continue
		}
		m, err := bellhop.ParseMoney(string(a), currency)
		if err == nil {
			return bellhop.Amount(m.String())
		}
		r.leaveOut(field)
	}
	return ""
}
