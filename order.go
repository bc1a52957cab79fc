package bellhop

import (
	"cmp"
	"slices"
	"time"
)

// Handling is how far the owner has got with an order. Only the owner changes
// it; nothing that Shopify sends does.
type Handling string

// The steps of handling.
const (
	HandlingNew     Handling = "new"
	HandlingSeen    Handling = "seen"
	HandlingHandled Handling = "handled"
)

// ParseHandling accepts the three steps and nothing else.
func ParseHandling(s string) (Handling, error) {
	switch h := Handling(s); h {
	case HandlingNew, HandlingSeen, HandlingHandled:
		return h, nil
	}
	return "", Invalidf("handling", "handling is new, seen or handled, not %q", Clip(s, 40))
}

// Order is an order as bellhop knows it: Shopify's latest statement, what happened since, and the
// owner's handling. Lists leave out Details, History and Pushes.
type Order struct {
	Shop    string // myshopify.com domain
	ID      int64  // Shopify's; passes 2^53, so JSON carries it as a string
	Version Version

	Name              string // "#1001"
	Number            int64
	Total             Money  // when it was placed, in the shop's currency
	Current           Money  // what it comes to now, after edits and refunds
	Presentment       *Money // the total that the buyer saw; nil in the same currency
	CustomerName      string // "" when Shopify withheld it or there is none
	CustomerEmail     string
	Note              string
	FinancialStatus   string
	FulfillmentStatus string // "unfulfilled" where Shopify says null
	Test              bool
	Pieces            int64     // that it now has
	PlacedAt          time.Time // with the shop's offset; an import sets it to long ago
	CreatedAt         time.Time // in Shopify, with the shop's offset
	UpdatedAt         time.Time // with the shop's offset
	CancelledAt       time.Time // zero unless cancelled

	Details
	History History

	Handling   Handling
	Taken      *Taken     // nil while nobody has it
	Steps      []RotaStep // oldest first; left out of lists
	EditedAt   time.Time  // of the newest edit; zero if none
	RefundedAt time.Time  // when money went back for the last time; zero if none did
	Trace      Trace
	Pushes     []Push

	// RedactedAt is when its personal data was taken away, and RedactedFor why: for a request or for
	// retention. They are zero while it has them.
	RedactedAt  time.Time
	RedactedFor string
}

// In returns an amount of the order as money; no money where there is no amount.
func (o *Order) In(a Amount) Money {
	if a == "" {
		return Money{}
	}
	m, _ := ParseMoney(string(a), o.Total.Currency) // it was checked when it was read
	return m
}

// Removed reports whether an edit removed a line. A line that was refunded has no pieces left either.
func (o *Order) Removed(it *Item) bool {
	if it.Current > 0 || it.Quantity == 0 {
		return false
	}
	for i := range o.History.Refunds {
		r := &o.History.Refunds[i]
		if r.Amount != "" && slices.ContainsFunc(r.Lines, func(l RefundLine) bool { return l.Item == it.ID }) {
			return false
		}
	}
	return true
}

// Returned is the money that went back by a refund; no money where none did.
func (o *Order) Returned(r *Refund) Money {
	m, _ := ParseMoney(string(r.Amount), cmp.Or(r.Currency, o.Total.Currency)) // as In
	return m
}

// Refunded adds up the money that went back, as far as Shopify said it in the order's currency.
func (o *Order) Refunded() Money {
	sum := Money{Currency: o.Total.Currency, Digits: o.Total.Digits}
	for i := range o.History.Refunds {
		if more, ok := sum.Add(o.Returned(&o.History.Refunds[i])); ok {
			sum = more
		}
	}
	return sum
}

// WasPaid reports whether the order is paid, or was before money went back.
func (o *Order) WasPaid() bool {
	switch o.FinancialStatus {
	case "paid", "partially_refunded", "refunded":
		return true
	}
	return false
}

// Trace is the way of the event that first brought the order. A zero time means
// that the step has not been reached.
type Trace struct {
	TriggeredAt time.Time
	AcceptedAt  time.Time
	RecordedAt  time.Time
	PushedAt    time.Time // the first answer of FCM for any push of the order
	TraceParent string    // see Event
	// Found is "" for an order that a webhook brought first; else "backfill" or "reconcile": see [FoundBy].
	Found string
}
