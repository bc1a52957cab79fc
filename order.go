package bellhop

import "time"

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

// Order is an order as bellhop knows it: Shopify's latest statement, and the owner's handling.
type Order struct {
	Shop    string // myshopify.com domain
	ID      int64  // Shopify's; passes 2^53, so JSON carries it as a string
	Version Version

	Name              string // "#1001"
	Number            int64
	Total             Money  // in the shop's currency
	Presentment       *Money // the amount that the buyer saw; nil in the same currency
	CustomerName      string // "" when Shopify withheld it or there is none
	CustomerEmail     string
	Note              string
	FinancialStatus   string
	FulfillmentStatus string // "unfulfilled" where Shopify says null
	Test              bool
	PlacedAt          time.Time // with the shop's offset
	UpdatedAt         time.Time // with the shop's offset
	CancelledAt       time.Time // zero unless cancelled
	Items             []Item

	Handling   Handling
	EditedAt   time.Time // of the newest orders/edited; zero if none
	RefundedAt time.Time // of the newest refunds/create; zero if none
	Trace      Trace
	Pushes     []Push // filled where one order is asked for
}

// WasPaid reports whether the order is paid, or was before money went back.
func (o *Order) WasPaid() bool {
	switch o.FinancialStatus {
	case "paid", "partially_refunded", "refunded":
		return true
	}
	return false
}

// Item is one line of an order.
type Item struct {
	ID       int64
	Title    string
	Variant  string
	SKU      string
	Quantity int64
	Price    Money // of one
}

// Trace is the way of the event that first brought the order. A zero time means
// that the step has not been reached.
type Trace struct {
	TriggeredAt time.Time
	AcceptedAt  time.Time
	RecordedAt  time.Time
	PushedAt    time.Time // the first answer of FCM for any push of the order
	TraceParent string    // see Event
}
